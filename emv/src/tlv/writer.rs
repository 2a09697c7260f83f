//! The bounded writer.

use alloc::vec::Vec;

use super::Tag;

/// Writes data objects one after another, with the shortest lengths.
#[derive(Default, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// The largest value a length field of three bytes can announce (EMV Book 3, Annex B2).
    pub const MAX_VALUE: usize = 0xFFFF;
    /// The most bytes that tag and length take.
    pub const MAX_HEADER: usize = Tag::MAX_LENGTH + 3;

    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty message, for which there is room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Writer { bytes: Vec::with_capacity(bytes) }
    }

    /// Appends one data object.
    ///
    /// # Panics
    /// If the value is longer than [`Writer::MAX_VALUE`]: no message of EMV is that long.
    pub fn put(&mut self, tag: Tag, value: &[u8]) -> &mut Self {
        self.header(tag, value.len());
        self.bytes.extend_from_slice(value);
        self
    }

    /// Appends a constructed object whose objects `fill` writes.
    pub fn template(&mut self, tag: Tag, fill: impl FnOnce(&mut Writer)) -> &mut Self {
        let mut inner = Writer::new();
        fill(&mut inner);
        self.put(tag, &inner.bytes)
    }

    /// The message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn header(&mut self, tag: Tag, length: usize) {
        self.bytes.extend_from_slice(&tag.be_bytes()[4 - tag.encoded_length()..]);
        match u16::try_from(length).expect("a value of at most 65,535 bytes") {
            short @ 0..=0x7F => self.bytes.push(short as u8),
            byte @ 0x80..=0xFF => self.bytes.extend([0x81, byte as u8]),
            word => {
                self.bytes.push(0x82);
                self.bytes.extend(word.to_be_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tlvs;
    use super::*;

    #[test]
    fn lengths_take_the_shortest_form() {
        for (length, header) in [
            (0, &[0x82, 0x00][..]),
            (127, &[0x82, 0x7F]),
            (128, &[0x82, 0x81, 0x80]),
            (255, &[0x82, 0x81, 0xFF]),
            (256, &[0x82, 0x82, 0x01, 0x00]),
        ] {
            let mut writer = Writer::new();
            writer.put(Tag::new(0x82), &alloc::vec![0xAB; length]);
            let bytes = writer.into_bytes();
            assert_eq!(&bytes[..header.len()], header);
            assert_eq!(Tlvs::parse(&bytes).unwrap().find(Tag::new(0x82)).unwrap().len(), length);
        }
    }

    #[test]
    fn templates_hold_what_was_written_into_them() {
        let mut writer = Writer::new();
        writer.template(Tag::new(0x77), |inner| {
            inner.put(Tag::new(0x9F36), &[0, 1]);
        });
        assert_eq!(writer.into_bytes(), [0x77, 0x05, 0x9F, 0x36, 0x02, 0x00, 0x01]);
    }
}
