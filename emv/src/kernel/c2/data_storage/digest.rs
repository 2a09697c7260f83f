//! The one-way functions OWHF2 and OWHF2AES, which make DS Digest H of DS Input (Term)
//! (Book C-2, 8.2 and 8.3).

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use des::TdesEde2;
use zeroize::Zeroizing;

/// Whose data it is: what makes the same input another digest for another card and operator.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    /// DS ID, 8 to 11 bytes: two digits a byte.
    pub(super) ds_id: &'a [u8],
    /// The object identifier: DS Requested Operator ID, or zeros for data that move from a permanent
    /// slot to a volatile one.
    pub(super) operator: [u8; 8],
}

impl Owner<'_> {
    /// OWHF2: triple DES. The keys hold the first and the last six bytes of DS ID as binary numbers.
    //= C-2 8.2
    pub(super) fn owhf2(&self, input: [u8; 8]) -> [u8; 8] {
        let [.., o5, o6, o7, o8] = self.operator;
        let mut key = Zeroizing::new([0; 16]);
        let (left, right) = key.split_at_mut(8);
        let last = self.ds_id.len().saturating_sub(6);
        for (byte, id) in left.iter_mut().zip(&self.ds_id[..self.ds_id.len().min(6)]) {
            *byte = key_byte(*id);
        }
        for (byte, id) in right.iter_mut().zip(&self.ds_id[last..]) {
            *byte = key_byte(*id);
        }
        left[6..].copy_from_slice(&[o5, o6]);
        right[6..].copy_from_slice(&[o7, o8]);
        let mut block = xor(self.operator, input).into();
        TdesEde2::new((&*key).into()).encrypt_block(&mut block);
        xor(block.into(), input)
    }

    /// OWHF2AES: the left half of an AES block. The key holds DS ID, filled with zeros on the left.
    //= C-2 8.3
    pub(super) fn owhf2aes(&self, input: [u8; 8]) -> [u8; 8] {
        const ID_LENGTH: usize = 11;
        const LAST_KEY_BYTE: u8 = 0x3F;
        let mut key = Zeroizing::new([0; 16]);
        let id = &self.ds_id[..self.ds_id.len().min(ID_LENGTH)];
        key[ID_LENGTH - id.len()..ID_LENGTH].copy_from_slice(id);
        key[ID_LENGTH..15].copy_from_slice(&self.operator[4..]);
        key[15] = LAST_KEY_BYTE;
        let mut block = [0; 16];
        block[..8].copy_from_slice(&input);
        block[8..].copy_from_slice(&self.operator);
        let mut block = block.into();
        Aes128::new((&*key).into()).encrypt_block(&mut block);
        xor(*block.first_chunk().expect("a block has 16 bytes"), input)
    }
}

/// Two digits as a binary number, in the seven bits of a DES key's byte.
fn key_byte(digits: u8) -> u8 {
    ((digits >> 4) * 10 + (digits & 0x0F)).wrapping_mul(2)
}

fn xor(a: [u8; 8], b: [u8; 8]) -> [u8; 8] {
    core::array::from_fn(|i| a[i] ^ b[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner<'static> = Owner {
        ds_id: &[0x51, 0x68, 0x62, 0x43, 0x00, 0x90, 0x06, 0x97],
        operator: [0x81, 0x99, 0x82, 0x99, 0x83, 0x99, 0x84, 0x99],
    };
    const INPUT: [u8; 8] = [0x12, 0x23, 0x34, 0x45, 0x56, 0x67, 0x78, 0x89];

    // The digest that two other implementations compute of this input.
    //= test C-2 8.2
    #[test]
    fn owhf2_gives_the_digest_that_others_compute() {
        assert_eq!(OWNER.owhf2(INPUT), [0x65, 0x9C, 0x8E, 0xBF, 0xAA, 0x81, 0x6D, 0xB5]);
    }

    // Computed with OpenSSL: AES-128 of 12233445566778898199829983998499 under
    // 0000005168624300900697 83998499 3F.
    //= test C-2 8.3
    #[test]
    fn owhf2aes_is_the_left_half_of_an_aes_block() {
        assert_eq!(OWNER.owhf2aes(INPUT), [0x17, 0xBD, 0x4E, 0x71, 0x8A, 0x69, 0xA4, 0x20]);
    }

    #[test]
    fn every_part_of_owner_and_input_changes_the_digest() {
        for digest in [Owner::owhf2 as fn(&Owner<'static>, [u8; 8]) -> [u8; 8], Owner::owhf2aes] {
            let original = digest(&OWNER, INPUT);
            assert_ne!(digest(&Owner { operator: [0; 8], ..OWNER }, INPUT), original);
            assert_ne!(
                digest(&Owner { ds_id: &[0x51, 0x68, 0x62, 0x43, 0x00, 0x90, 0x06, 0x98], ..OWNER }, INPUT),
                original
            );
            assert_ne!(digest(&OWNER, [0; 8]), original);
        }
    }
}
