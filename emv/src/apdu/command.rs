//! Command APDUs of the short form.

use alloc::vec::Vec;
use core::fmt;

use arrayvec::ArrayVec;

use crate::dict;
use crate::tlv::Writer;

/// A command: header, data of at most 255 bytes, and Le where an answer with data is expected.
///
/// The commands of the contactless kernels expect one, with Le = `00`: as much as there is. Those that
/// bring the card what its issuer sends are as the issuer wants them.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    header: [u8; 4],
    data: ArrayVec<u8, { Command::MAX_DATA }>,
    le: Option<u8>,
}

/// The bytes are no command of the short form (ISO/IEC 7816-3, 12.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes are no command APDU of the short form")]
pub struct InvalidCommand(pub usize);

impl Command {
    /// The most bytes of data in a command of the short form.
    const MAX_DATA: usize = 255;
    /// The most bytes that a command template (`83`) can hold in a command of the short form.
    pub const MAX_TEMPLATE_DATA: usize = 252;

    /// SELECT by name, first occurrence (EMV Book 1, 11.3; Contactless Book B, 3.3.2 and 3.4).
    /// `name` has at most 255 bytes; a DF name has 5 to 16.
    pub fn select(name: &[u8]) -> Self {
        Self::new([0x00, 0xA4, 0x04, 0x00], name)
    }

    /// GET PROCESSING OPTIONS (EMV Book 3, 6.5.8). `pdol_data` has at most 252 bytes and is sent in
    /// a command template; where the card gave no PDOL it is empty.
    //= C-3 D.1
    pub fn get_processing_options(pdol_data: &[u8]) -> Self {
        let mut template = Writer::new();
        template.put(dict::COMMAND_TEMPLATE, pdol_data);
        Self::new([0x80, 0xA8, 0x00, 0x00], &template.into_bytes())
    }

    /// SEND POI INFORMATION (EMV Contactless Book B, Annex C.1). `data` has at most
    /// [`Self::MAX_TEMPLATE_DATA`] bytes and is sent in a command template.
    //= B C.1.2
    pub fn send_poi_information(data: &[u8]) -> Self {
        let mut template = Writer::new();
        template.put(dict::COMMAND_TEMPLATE, data);
        Self::new([0x80, 0x1A, 0x00, 0x00], &template.into_bytes())
    }

    /// EXTENDED GET PROCESSING OPTIONS (EMV Contactless Book C-3, D.4): the data of the PDOL, and an
    /// Integrated Data Storage Record Update Template, whole. Nothing where both don't fit a command.
    //= C-3 7.2.1.1, D.4
    pub fn extended_get_processing_options(pdol_data: &[u8], record_update_template: &[u8]) -> Option<Self> {
        let mut template = Writer::new();
        template.put(dict::COMMAND_TEMPLATE, pdol_data);
        let mut data = template.into_bytes();
        data.extend_from_slice(record_update_template);
        (data.len() <= Self::MAX_DATA).then(|| Self::new([0x80, 0xE0, 0x00, 0x00], &data))
    }

    /// READ RECORD (EMV Book 3, 6.5.11): record `record` of the file with short identifier `sfi`,
    /// 1 to 30.
    //= C-3 D.2
    pub fn read_record(sfi: u8, record: u8) -> Self {
        Self::new([0x00, 0xB2, record, sfi << 3 | 0x04], &[])
    }

    /// GENERATE AC (EMV Book 3, 6.5.5). `reference_control` says which cryptogram is asked for and
    /// whether with CDA.
    pub fn generate_ac(reference_control: u8, cdol_data: &[u8]) -> Self {
        Self::new([0x80, 0xAE, reference_control, 0x00], cdol_data)
    }

    /// RECOVER AC (Book C-2, S456.49): asks for the cryptogram of a torn transaction once more.
    /// `drdol_related_data` has at most 255 bytes.
    pub fn recover_ac(drdol_related_data: &[u8]) -> Self {
        Self::new([0x80, 0xD0, 0x00, 0x00], drdol_related_data)
    }

    /// EXTERNAL AUTHENTICATE (EMV Book 3, 6.5.4): the Issuer Authentication Data, 8 to 16 bytes. The card
    /// answers with a status word alone.
    //= C-3 6.1.1.1, D.3
    pub fn external_authenticate(issuer_authentication_data: &[u8]) -> Self {
        Command { le: None, ..Self::new([0x00, 0x82, 0x00, 0x00], issuer_authentication_data) }
    }

    /// GET DATA (EMV Book 3, 6.5.7) of a primitive object with a tag of one or two bytes.
    pub fn get_data(tag: crate::tlv::Tag) -> Self {
        let [_, _, p1, p2] = tag.number().to_be_bytes();
        Self::new([0x80, 0xCA, p1, p2], &[])
    }

    /// EXCHANGE RELAY RESISTANCE DATA (Book C-2, 5.3), with the terminal's entropy. The time that the
    /// card takes to answer is measured.
    pub fn exchange_relay_resistance_data(terminal_entropy: [u8; 4]) -> Self {
        Self::new([0x80, 0xEA, 0x00, 0x00], &terminal_entropy)
    }

    /// COMPUTE CRYPTOGRAPHIC CHECKSUM (Book C-2, 5.1), with the data that the UDOL asks for, at most
    /// 252 bytes.
    pub fn compute_cryptographic_checksum(udol_data: &[u8]) -> Self {
        Self::new([0x80, 0x2A, 0x8E, 0x80], udol_data)
    }

    /// PUT DATA (Book C-2, 5.7) of a primitive object with a tag of one or two bytes; the card answers
    /// with a status word alone. `value` has at most 255 bytes.
    pub fn put_data(tag: crate::tlv::Tag, value: &[u8]) -> Self {
        let [_, _, p1, p2] = tag.number().to_be_bytes();
        Command { le: None, ..Self::new([0x80, 0xDA, p1, p2], value) }
    }

    /// A command with these first four bytes (CLA, INS, P1, P2), which expects data.
    ///
    /// # Panics
    /// If `data` is longer than 255 bytes: a command of the short form can't hold it, and all that
    /// is sent was bounded before.
    pub fn new(header: [u8; 4], data: &[u8]) -> Self {
        let data = ArrayVec::try_from(data).expect("the data of a short command");
        Command { header, data, le: Some(0x00) }
    }

    /// Reads a command as the issuer wrote it: header, Lc and data where there are data, Le where an
    /// answer with data is expected.
    ///
    /// # Errors
    /// If the bytes are none of the four cases of the short form.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidCommand> {
        let invalid = InvalidCommand(bytes.len());
        let (&header, body) = bytes.split_first_chunk::<4>().ok_or(invalid)?;
        let (data, le) = match *body {
            [] => (&[][..], None),
            [le] => (&[][..], Some(le)),
            [lc, ref rest @ ..] => {
                let (data, rest) = rest.split_at_checked(lc.into()).filter(|_| lc != 0).ok_or(invalid)?;
                match *rest {
                    [] => (data, None),
                    [le] => (data, Some(le)),
                    _ => return Err(invalid),
                }
            }
        };
        Ok(Command { header, data: ArrayVec::try_from(data).map_err(|_| invalid)?, le })
    }

    /// The instruction byte.
    pub fn instruction(&self) -> u8 {
        self.header[1]
    }

    /// Whether the kernel looks at the time that the card takes, and so wants to be told when the
    /// command was sent.
    pub fn is_timed(&self) -> bool {
        self.instruction() == 0xEA
    }

    /// The data field.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The command as it is sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(6 + self.data.len());
        bytes.extend(self.header);
        if !self.data.is_empty() {
            bytes.push(self.data.len() as u8);
            bytes.extend_from_slice(&self.data);
        }
        bytes.extend(self.le);
        bytes
    }
}

impl fmt::Debug for Command {
    /// The header and the length of the data, which may hold what must not be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cla, ins, p1, p2] = self.header;
        write!(f, "{cla:02X}{ins:02X}{p1:02X}{p2:02X}[{}]", self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test B C.1.2, C-3 D.1, D.2
    #[test]
    fn commands_have_the_bytes_of_the_books() {
        assert_eq!(Command::select(b"2PAY.SYS.DDF01").to_bytes()[..6], [0x00, 0xA4, 0x04, 0x00, 0x0E, b'2']);
        assert_eq!(Command::get_processing_options(&[]).to_bytes(), [0x80, 0xA8, 0x00, 0x00, 0x02, 0x83, 0x00, 0x00]);
        assert_eq!(Command::send_poi_information(&[0xAB]).to_bytes(), [0x80, 0x1A, 0, 0, 3, 0x83, 1, 0xAB, 0]);
        assert_eq!(Command::read_record(3, 1).to_bytes(), [0x00, 0xB2, 0x01, 0x1C, 0x00]);
        assert_eq!(
            Command::put_data(dict::UNPROTECTED_DATA_ENVELOPE_1, &[7]).to_bytes(),
            [0x80, 0xDA, 0x9F, 0x75, 1, 7]
        );
        assert_eq!(Command::get_data(dict::PIN_TRY_COUNTER).to_bytes(), [0x80, 0xCA, 0x9F, 0x17, 0x00]);
        let entropy = [0xA1, 0xB2, 0xC3, 0xD4];
        assert_eq!(
            Command::exchange_relay_resistance_data(entropy).to_bytes(),
            [0x80, 0xEA, 0x00, 0x00, 0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0x00]
        );
        assert_eq!(
            Command::compute_cryptographic_checksum(&[0x00, 0x00, 0x01, 0x23]).to_bytes(),
            [0x80, 0x2A, 0x8E, 0x80, 0x04, 0x00, 0x00, 0x01, 0x23, 0x00]
        );
    }

    #[test]
    fn only_relay_resistance_is_timed() {
        assert!(Command::exchange_relay_resistance_data([0; 4]).is_timed());
        assert!(!Command::read_record(1, 1).is_timed());
    }

    //= test C-3 6.1.1.1, D.3
    #[test]
    fn issuer_authentication_data_go_to_the_card_without_le() {
        let command = Command::external_authenticate(&[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(command.to_bytes(), [0x00, 0x82, 0x00, 0x00, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    }

    //= test C-3 7.2.1.1, D.4
    #[test]
    fn an_extended_gpo_holds_the_pdol_data_and_the_update() {
        let command = Command::extended_get_processing_options(&[0xAA], &[0xBF, 0x60, 0x00]).unwrap();
        assert_eq!(command.to_bytes(), [0x80, 0xE0, 0x00, 0x00, 6, 0x83, 1, 0xAA, 0xBF, 0x60, 0x00, 0x00]);
        assert!(Command::extended_get_processing_options(&[], &[0; 253]).is_some());
        assert!(Command::extended_get_processing_options(&[], &[0; 254]).is_none());
    }

    #[test]
    fn each_case_of_the_short_form_is_read_and_sent_as_it_was_written() {
        for bytes in [
            &[0x84, 0x1E, 0x00, 0x00][..],
            &[0x00, 0xCA, 0x9F, 0x36, 0x05],
            &[0x84, 0x24, 0x00, 0x02, 0x02, 0xAA, 0xBB],
            &[0x84, 0x24, 0x00, 0x02, 0x02, 0xAA, 0xBB, 0x08],
        ] {
            assert_eq!(Command::parse(bytes).unwrap().to_bytes(), bytes);
        }
        for bytes in [
            &[][..],
            &[0x84, 0x1E, 0x00],
            &[0x84, 0x1E, 0x00, 0x00, 0x00, 0x00],
            &[0x84, 0x24, 0x00, 0x02, 0x03, 0xAA, 0xBB],
            &[0x84, 0x24, 0x00, 0x02, 0x01, 0xAA, 0xBB, 0xCC],
        ] {
            assert_eq!(Command::parse(bytes), Err(InvalidCommand(bytes.len())));
        }
    }

    #[test]
    fn a_debug_print_holds_no_data() {
        extern crate std;
        assert_eq!(std::format!("{:?}", Command::generate_ac(0x80, &[1, 2])), "80AE8000[2]");
    }
}
