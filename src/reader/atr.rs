//! What an answer to reset tells: its structure (ISO/IEC 7816-3, 8), which kind of card a contactless reader made it up
//! for (PC/SC part 3, 3.1.3.2.3), and whether a contact card's is one that EMV admits (EMV Level 1 Contact Interface
//! 1.0, 8.3; in large part EMV Book 1, 8.3).

/// An answer to reset, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Atr<'a> {
    groups: Vec<InterfaceBytes>,
    historical: &'a [u8],
}

/// The interface bytes with one index: TAi, TBi, TCi and TDi, as far as they are present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InterfaceBytes {
    /// TAi.
    pub ta: Option<u8>,
    /// TBi.
    pub tb: Option<u8>,
    /// TCi.
    pub tc: Option<u8>,
    /// TDi.
    pub td: Option<u8>,
}

impl InterfaceBytes {
    /// T, the protocol that TDi names.
    fn protocol(&self) -> Option<u8> {
        self.td.map(|td| td & 0x0F)
    }
}

/// Why bytes are no answer to reset (ISO/IEC 7816-3, 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// TS is neither 3B nor 3F.
    #[error("TS {0:02X} is neither 3B nor 3F")]
    InitialCharacter(u8),
    /// It ends before the bytes that it announces, or is empty.
    #[error("it ends before the bytes that it announces")]
    Truncated,
    /// Bytes follow its end.
    #[error("bytes follow its end")]
    TooLong,
    /// TCK does not match.
    #[error("the check character TCK does not match")]
    CheckCharacter,
}

/// The most bytes there can be.
const LEN_MAX: usize = 33;

impl<'a> Atr<'a> {
    /// Takes an answer to reset apart.
    ///
    /// # Errors
    /// If it is not as ISO/IEC 7816-3, 8.2 says.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() > LEN_MAX {
            return Err(Malformed::TooLong);
        }
        let mut rest = bytes;
        let mut next = || {
            let (&byte, tail) = rest.split_first().ok_or(Malformed::Truncated)?;
            rest = tail;
            Ok(byte)
        };
        let initial = next()?;
        if !matches!(initial, 0x3B | 0x3F) {
            return Err(Malformed::InitialCharacter(initial));
        }
        let format = next()?;
        let mut groups = Vec::new();
        let mut follows = Some(format);
        while let Some(presence) = follows {
            let mut read = |bit: u8| if presence & bit != 0 { next().map(Some) } else { Ok(None) };
            let group = InterfaceBytes { ta: read(0x10)?, tb: read(0x20)?, tc: read(0x40)?, td: read(0x80)? };
            groups.push(group);
            follows = group.td;
        }
        let (historical, check) = rest.split_at_checked(usize::from(format & 0x0F)).ok_or(Malformed::Truncated)?;
        let has_check = groups.iter().filter_map(InterfaceBytes::protocol).any(|protocol| protocol != 0);
        match (has_check, check) {
            (false, []) => {}
            (true, [_]) if bytes[1..].iter().fold(0, |sum, byte| sum ^ byte) == 0 => {}
            (true, [_]) => return Err(Malformed::CheckCharacter),
            (true, []) => return Err(Malformed::Truncated),
            _ => return Err(Malformed::TooLong),
        }
        Ok(Atr { groups, historical })
    }

    /// The interface bytes TAi, TBi, TCi and TDi; `index` counts from 1, as the standard does.
    pub fn interface(&self, index: usize) -> InterfaceBytes {
        index.checked_sub(1).and_then(|index| self.groups.get(index)).copied().unwrap_or_default()
    }

    /// The historical bytes, 0 to 15.
    pub fn historical(&self) -> &'a [u8] {
        self.historical
    }

    /// For which kind of card it was made.
    pub fn card_kind(&self) -> CardKind {
        // PC/SC part 3 gives contactless cards T=0 in TD1 and T=1 in TD2, and no further interface bytes.
        let only = |td| InterfaceBytes { td, ..InterfaceBytes::default() };
        if self.groups != [only(Some(0x80)), only(Some(0x01)), only(None)] {
            return CardKind::Other;
        }
        match *self.historical {
            [0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06, standard, name_high, name_low, ..] => {
                CardKind::ContactlessStorage { standard, name: u16::from_be_bytes([name_high, name_low]) }
            }
            _ => CardKind::Contactless,
        }
    }

    /// Whether EMV admits it as a contact card's answer to a cold reset.
    ///
    /// # Errors
    /// The first character that it does not admit.
    pub fn check_emv_contact(&self) -> Result<(), NotEmv> {
        let [first, second, third] = [1, 2, 3].map(|index| self.interface(index));
        let protocol = first.protocol().unwrap_or(0);
        let admitted = [
            (NotEmv::Ta1, admits_ta1(first.ta, second.ta)),
            (NotEmv::Tb1, first.tb == Some(0x00)),
            (NotEmv::Tc1, matches!(first.tc, None | Some(0x00 | 0xFF))),
            (NotEmv::Td1, matches!(protocol, 0 | 1)),
            // Specific mode, its parameters in the interface bytes (b5 = 0), and in the first protocol offered.
            (NotEmv::Ta2, second.ta.is_none_or(|ta2| ta2 & 0x10 == 0 && ta2 & 0x0F == protocol)),
            (NotEmv::Tb2, second.tb.is_none()),
            (NotEmv::Tc2, second.tc.is_none_or(|tc2| protocol == 0 && tc2 == 0x0A)),
            // T=0 may be followed by the global bytes (T=15) alone, T=1 must be by its own.
            (
                NotEmv::Td2,
                match protocol {
                    0 => matches!(second.protocol(), None | Some(15)),
                    _ => second.protocol() == Some(1),
                },
            ),
            (
                NotEmv::Ta3,
                third.ta.is_none_or(|ta3| match protocol {
                    0 => matches!(ta3 & 0x3F, 0x01..=0x07),
                    _ => matches!(ta3, 0x10..=0xFE),
                }),
            ),
            // BWI and CWI. With the extra guard times that TC1 may ask for, no CWI is too small.
            (NotEmv::Tb3, protocol == 0 || third.tb.is_some_and(|tb3| tb3 >> 4 <= 4 && tb3 & 0x0F <= 5)),
            (NotEmv::Tc3, protocol == 0 || matches!(third.tc, None | Some(0x00))),
        ];
        admitted.into_iter().find(|(_, admitted)| !admitted).map_or(Ok(()), |(character, _)| Err(character))
    }
}

/// In specific mode F = 372 and D = 1, 2 or 4; in negotiable mode whatever allows 5 MHz and D = 4 or more (8.3.3.1).
fn admits_ta1(ta1: Option<u8>, ta2: Option<u8>) -> bool {
    match (ta1, ta2) {
        (None, _) => true,
        (Some(ta1), Some(ta2)) if ta2 & 0x10 == 0 => matches!(ta1, 0x11..=0x13),
        (Some(_), Some(_)) => true,
        (Some(ta1), None) => ta1 >> 4 != 0 && ta1 & 0x0F >= 3,
    }
}

/// The kinds of card a reader can mean by an answer to reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardKind {
    /// A contactless card with a processor (ISO/IEC 14443-4): every payment card is one.
    Contactless,
    /// A contactless memory card, such as a MIFARE Classic. It knows no applications.
    ContactlessStorage {
        /// The standard, as PC/SC part 3 numbers them: 03 is ISO/IEC 14443 A, part 3.
        standard: u8,
        /// The card's name, as PC/SC part 3's supplement numbers them: 0001 is MIFARE Classic 1K.
        name: u16,
    },
    /// A contact card, or something unknown.
    Other,
}

/// The character because of which EMV does not admit an answer to reset (EMV Level 1 Contact Interface 1.0, 8.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("EMV does not admit this {self:?}")]
#[expect(missing_docs, reason = "the names of the characters say it all")]
pub enum NotEmv {
    Ta1,
    Tb1,
    Tc1,
    Td1,
    Ta2,
    Tb2,
    Tc2,
    Td2,
    Ta3,
    Tb3,
    Tc3,
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const MIFARE_CLASSIC: [u8; 20] = [
        0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00,
        0x00, 0x6A,
    ];
    const DESFIRE: [u8; 11] = [0x3B, 0x86, 0x80, 0x01, 0x06, 0x75, 0x77, 0x81, 0x02, 0x80, 0x00];

    #[test]
    fn a_contactless_card_with_a_processor_is_told_from_a_memory_card() {
        assert_eq!(Atr::parse(&DESFIRE).unwrap().card_kind(), CardKind::Contactless);
        assert_eq!(Atr::parse(&[0x3B, 0x80, 0x80, 0x01, 0x01]).unwrap().card_kind(), CardKind::Contactless);
        let memory = CardKind::ContactlessStorage { standard: 3, name: 1 };
        assert_eq!(Atr::parse(&MIFARE_CLASSIC).unwrap().card_kind(), memory);
        assert_eq!(Atr::parse(&[0x3B, 0x60, 0x00, 0x00]).unwrap().card_kind(), CardKind::Other);
    }

    #[test]
    fn interface_and_historical_bytes_are_found() {
        let bytes = [0x3B, 0xF4, 0x13, 0x00, 0xFF, 0x91, 0x01, 0x71, 0x7C, 0x41, 0x00, 1, 2, 3, 4];
        let check = bytes[1..].iter().fold(0, |sum, byte| sum ^ byte);
        let bytes = [&bytes[..], &[check]].concat();
        let atr = Atr::parse(&bytes).unwrap();
        assert_eq!(atr.interface(1), InterfaceBytes { ta: Some(0x13), tb: Some(0), tc: Some(0xFF), td: Some(0x91) });
        assert_eq!(atr.interface(3), InterfaceBytes { ta: Some(0x7C), tb: Some(0x41), tc: Some(0), td: None });
        assert_eq!(atr.interface(4), InterfaceBytes::default());
        assert_eq!(atr.historical(), [1, 2, 3, 4]);
    }

    #[test]
    fn every_truncation_and_any_further_byte_is_refused() {
        for len in 0..DESFIRE.len() {
            assert_eq!(Atr::parse(&DESFIRE[..len]), Err(Malformed::Truncated), "{len} bytes");
        }
        assert_eq!(Atr::parse(&[&DESFIRE[..], &[0]].concat()), Err(Malformed::TooLong));
        assert_eq!(Atr::parse(&[0x3B; 34]), Err(Malformed::TooLong));
    }

    #[test]
    fn a_wrong_initial_or_check_character_is_refused() {
        let mut bytes = DESFIRE;
        bytes[0] = 0x3C;
        assert_eq!(Atr::parse(&bytes), Err(Malformed::InitialCharacter(0x3C)));
        bytes[0] = 0x3B;
        bytes[10] ^= 1;
        assert_eq!(Atr::parse(&bytes), Err(Malformed::CheckCharacter));
    }

    #[test]
    fn emv_admits_the_contact_answers_to_reset_that_it_should() {
        let named = std::env::var_os("TENDER_VECTORS").map(PathBuf::from);
        let folder = named.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors").into());
        let Ok(text) = std::fs::read_to_string(folder.join("contact/atr.json")) else {
            println!("skipped: {} has no contact/atr.json; name another folder by TENDER_VECTORS", folder.display());
            return;
        };
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let cases = file["tests"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let hex = case["atr"].as_str().unwrap();
            let bytes: Vec<u8> =
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
            let admitted = Atr::parse(&bytes).is_ok_and(|atr| atr.check_emv_contact().is_ok());
            assert_eq!(admitted, case["valid"].as_bool().unwrap(), "{case}: {:?}", Atr::parse(&bytes));
        }
        println!("atr: {0} of {0}", cases.len());
    }
}
