//! Form Factor Indicator.

use super::super::bits::bit_field;
use super::super::codes::codes;

codes! {
    /// What the card looks like, the five lowest bits of byte 1.
    pub enum FormFactor {
        Card = 0x00, "card";
        MiniCard = 0x01, "mini-card";
        NonCard = 0x02, "non-card form factor";
        MobilePhone = 0x03, "consumer mobile phone";
        WristWorn = 0x04, "wrist-worn device";
    }
}

codes! {
    /// Over what the transaction ran, the four lowest bits of byte 4.
    pub enum PaymentTransactionTechnology {
        Contactless = 0x0, "proximity contactless interface using ISO/IEC 14443, including NFC";
    }
}

bit_field! {
    /// Form Factor Indicator, 4 bytes: what the card is and over what the transaction ran (byte 4 by
    /// Book C-3, A.2; bytes 1 and 2 as Visa's cards use them, version 1).
    pub struct FormFactorIndicator[4];

    PASSCODE_CAPABLE = (2, 8), "passcode capable";
    SIGNATURE_PANEL = (2, 7), "signature panel";
    HOLOGRAM = (2, 6), "hologram";
    CVV2 = (2, 5), "CVV2";
    TWO_WAY_MESSAGING = (2, 4), "two-way messaging";
    CLOUD_BASED_CREDENTIALS = (2, 3), "cloud based payment credentials";
    BIOMETRIC_CAPABLE = (2, 2), "biometric cardholder verification capable";
}

impl FormFactorIndicator {
    /// The version of bytes 1 to 3 whose meaning is known.
    pub const VERSION: u8 = 1;

    /// The version of bytes 1 to 3.
    pub const fn version(self) -> u8 {
        self.0[0] >> 5
    }

    /// What the card looks like.
    pub const fn form_factor(self) -> FormFactor {
        FormFactor::from_code(self.0[0] & 0x1F)
    }

    /// Over what the transaction ran.
    pub const fn technology(self) -> PaymentTransactionTechnology {
        PaymentTransactionTechnology::from_code(self.0[3] & 0x0F)
    }

    /// Says over what the transaction ran.
    pub const fn set_technology(&mut self, technology: PaymentTransactionTechnology) {
        self.0[3] = self.0[3] & 0xF0 | technology.code() & 0x0F;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_says_that_it_is_one() {
        let phone = FormFactorIndicator::from_bytes([0x23, 0x8C, 0x00, 0x00]);
        assert_eq!((phone.version(), phone.form_factor()), (1, FormFactor::MobilePhone));
        assert!(phone.has(FormFactorIndicator::PASSCODE_CAPABLE) && !phone.has(FormFactorIndicator::HOLOGRAM));
        assert_eq!(phone.technology(), PaymentTransactionTechnology::Contactless);
    }

    #[test]
    fn the_technology_is_set_without_touching_the_bits_beside_it() {
        let mut indicator = FormFactorIndicator::from_bytes([0x20, 0x70, 0x00, 0xA5]);
        indicator.set_technology(PaymentTransactionTechnology::Contactless);
        assert_eq!(indicator.as_bytes(), &[0x20, 0x70, 0x00, 0xA0]);
    }
}
