//! OWHF2, the one-way function of integrated data storage (EMV Contactless Book C-2, 8.2).

use super::Key;

/// The digest by which a card knows again who wrote a slot: whoever has its input may write there once more.
///
/// `ds_id` is DS ID, 8 to 11 bytes of two digits each; `operator` the DS Requested Operator ID.
pub(crate) fn owhf2(ds_id: &[u8], operator: [u8; 8], input: [u8; 8]) -> [u8; 8] {
    const FROM_ID: usize = 6;
    let number = |digits: &u8| ((digits >> 4) * 10 + (digits & 0x0F)) << 1;
    let left = ds_id.iter().take(FROM_ID).map(number).chain(operator[4..6].iter().copied());
    let right = ds_id[ds_id.len() - FROM_ID..].iter().map(number).chain(operator[6..].iter().copied());
    let key = left.chain(right).collect::<Vec<_>>().try_into().map(Key::from_bytes);
    let key = key.expect("twice six numbers of DS ID and two bytes of the operator's");
    xor(key.encrypt(xor(operator, input)), input)
}

fn xor(a: [u8; 8], b: [u8; 8]) -> [u8; 8] {
    std::array::from_fn(|i| a[i] ^ b[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_one_that_others_compute() {
        const DS_ID: [u8; 8] = [0x51, 0x68, 0x62, 0x43, 0x00, 0x90, 0x06, 0x97];
        const OPERATOR: [u8; 8] = [0x81, 0x99, 0x82, 0x99, 0x83, 0x99, 0x84, 0x99];
        let digest = owhf2(&DS_ID, OPERATOR, [0x12, 0x23, 0x34, 0x45, 0x56, 0x67, 0x78, 0x89]);
        assert_eq!(digest, [0x65, 0x9C, 0x8E, 0xBF, 0xAA, 0x81, 0x6D, 0xB5]);
    }
}
