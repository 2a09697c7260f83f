//! Key blocks, in which an acquirer sends its keys: ASC X9 TR-31:2018, since then ANSI X9.143:2021.
//!
//! A key block says what its key is for, in clear and bound to the key by a MAC. Read are the versions B (under triple
//! DES) and D (under AES). A and C bind the two so weakly that both standards have given them up; they are refused.

use ctutils::CtEq;
use zeroize::Zeroizing;

use super::block_cipher::{AesKey, BlockCipher, TdesKey};
use super::mac::MacAlgorithm;
use crate::terminal::Hex;

/// For what a key is, as far as a terminal has keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPurpose {
    /// The initial key of AES DUKPT.
    AesInitialKey,
    /// The initial key of TDES DUKPT.
    TdesInitialKey,
    /// MACs of messages.
    Mac(MacAlgorithm),
    /// Opening key blocks.
    Protection,
    /// Opening working keys that the host sends.
    Master,
    /// PIN blocks.
    PinEncryption,
    /// Track data.
    DataEncryption,
}

/// Attributes of a key block's header that fit a purpose.
struct Attributes {
    usage: &'static str,
    algorithm: char,
    modes: &'static str,
}

impl KeyPurpose {
    /// Which attributes fit (X9.143, 6.3.1 to 6.3.3); nothing where the standard has none for it.
    fn attributes(self) -> Option<Attributes> {
        let (usage, algorithm, modes) = match self {
            KeyPurpose::AesInitialKey => ("B1", 'A', "XN"),
            KeyPurpose::TdesInitialKey => ("B1", 'T', "XN"),
            KeyPurpose::Mac(MacAlgorithm::RetailPadding1 | MacAlgorithm::RetailPadding2) => ("M3", 'T', "CN"),
            KeyPurpose::Mac(MacAlgorithm::AesCmac) => ("M6", 'A', "CN"),
            KeyPurpose::Master => ("K0", 'T', "BDN"),
            KeyPurpose::PinEncryption => ("P0", 'T', "BEN"),
            KeyPurpose::DataEncryption => ("D0", 'T', "BEN"),
            KeyPurpose::Mac(MacAlgorithm::UnionPayEcb) | KeyPurpose::Protection => return None,
        };
        Some(Attributes { usage, algorithm, modes })
    }
}

/// Why a key block gives no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyBlockError {
    /// Of a version that is not read.
    #[error("a key block of version {0}; ask for one of version D, or B for triple DES")]
    Version(char),
    /// What it is made of can't be read.
    #[error("the key block is damaged: {0}")]
    Malformed(&'static str),
    /// The key that should open it is of another kind.
    #[error("a key block of version {version} opens with a key of {expected} bytes, not {length}")]
    ProtectionKey {
        /// Its version.
        version: char,
        /// How long the key may be.
        expected: &'static str,
        /// How long it is.
        length: usize,
    },
    /// It was made with another key, or changed since.
    #[error("the MAC of the key block is wrong: it was made for another protection key, or changed since")]
    Mac,
    /// Its header says that the key is for something else.
    #[error("the key block holds a key of {attribute} {found}, where {expected} is needed")]
    Attribute {
        /// What of the header.
        attribute: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// No key block can hold a key for this purpose.
    #[error("key blocks have no key usage for this purpose; give the key as hexadecimal digits")]
    NoUsage,
}

/// Takes the key out of a key block, having checked what it is for and that nobody changed it.
///
/// # Errors
/// See [`KeyBlockError`].
pub fn open_key_block(
    text: &str,
    protection_key: &[u8],
    purpose: KeyPurpose,
) -> Result<Zeroizing<Vec<u8>>, KeyBlockError> {
    let (header, key) = authenticated(text, protection_key)?;
    // Before the MAC was checked, nothing in the header was known to be true.
    header.check(purpose)?;
    Ok(key)
}

/// The header and the key of a key block that nobody changed.
fn authenticated<'a>(text: &'a str, protection_key: &[u8]) -> Result<(Header<'a>, Zeroizing<Vec<u8>>), KeyBlockError> {
    let header = Header::read(text)?;
    let wrong_key =
        |expected| KeyBlockError::ProtectionKey { version: header.version, expected, length: protection_key.len() };
    let key = match header.version {
        'B' => {
            let key = TdesKey::new(protection_key).filter(|_| protection_key.len() >= 16);
            let key = key.ok_or_else(|| wrong_key("16 or 24"))?;
            let algorithm = if protection_key.len() == 16 { 0 } else { 1 };
            let derive = |usage| {
                let bytes = derive_protection(&key, usage, algorithm, protection_key.len());
                TdesKey::new(&bytes).expect("it is as long as the other key")
            };
            open(&header, &derive(ENCRYPTION), &derive(AUTHENTICATION))?
        }
        'D' => {
            let key = AesKey::new(protection_key).ok_or_else(|| wrong_key("16, 24 or 32"))?;
            let algorithm = (protection_key.len() / 8) as u16;
            let derive = |usage| {
                let bytes = derive_protection(&key, usage, algorithm, protection_key.len());
                AesKey::new(&bytes).expect("it is as long as the other key")
            };
            open(&header, &derive(ENCRYPTION), &derive(AUTHENTICATION))?
        }
        other => return Err(KeyBlockError::Version(other)),
    };
    Ok((header, key))
}

/// The usages of keys that are derived from the protection key (X9.143, 7.2).
const ENCRYPTION: u16 = 0;
const AUTHENTICATION: u16 = 1;

/// A key as long as the protection key, by CMAC of the derivation data (X9.143, 7.2.1 and 7.2.2).
fn derive_protection<const N: usize>(
    key: &impl BlockCipher<N>,
    usage: u16,
    algorithm: u16,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let [usage, algorithm, bits] = [usage, algorithm, 8 * length as u16].map(u16::to_be_bytes);
    let mut bytes = Zeroizing::new(Vec::with_capacity(32));
    for counter in 1.. {
        let data = [&[counter][..], &usage, &[0], &algorithm, &bits].concat();
        bytes.extend_from_slice(&Zeroizing::new(key.cmac(&data))[..]);
        if bytes.len() >= length {
            break;
        }
    }
    bytes.truncate(length);
    bytes
}

/// Decrypts and authenticates: the MAC covers the header and what was encrypted, and was the first block of the chain.
fn open<const N: usize>(
    header: &Header<'_>,
    encryption: &impl BlockCipher<N>,
    authentication: &impl BlockCipher<N>,
) -> Result<Zeroizing<Vec<u8>>, KeyBlockError> {
    let (header_text, rest) = header.text.split_at(header.length);
    let bytes = rest.parse::<Hex>().map_err(|_| KeyBlockError::Malformed("the key and its MAC are not hex digits"))?.0;
    let (encrypted, mac) = bytes.split_last_chunk::<N>().ok_or(KeyBlockError::Malformed("it has no MAC"))?;
    if encrypted.is_empty() || encrypted.len() % N != 0 {
        return Err(KeyBlockError::Malformed("the key does not end with a block"));
    }
    let mut plain = Zeroizing::new(encrypted.to_vec());
    encryption.decrypt_cbc(*mac, &mut plain);
    let covered = Zeroizing::new([header_text.as_bytes(), &plain].concat());
    if !bool::from(authentication.cmac(&covered).ct_eq(mac)) {
        return Err(KeyBlockError::Mac);
    }
    let malformed = KeyBlockError::Malformed("the key is longer than what holds it");
    let (bits, key) = plain.split_first_chunk::<2>().ok_or(malformed.clone())?;
    let bits = usize::from(u16::from_be_bytes(*bits));
    let key = key.get(..bits / 8).filter(|_| bits % 8 == 0).ok_or(malformed)?;
    Ok(Zeroizing::new(key.to_vec()))
}

/// What stands in clear before the key.
struct Header<'a> {
    text: &'a str,
    version: char,
    usage: &'a str,
    algorithm: &'a str,
    mode: &'a str,
    exportability: &'a str,
    /// How many characters it has, optional blocks included.
    length: usize,
}

impl<'a> Header<'a> {
    /// How many characters there are before the optional blocks.
    const FIXED_LENGTH: usize = 16;

    fn read(text: &'a str) -> Result<Self, KeyBlockError> {
        let malformed = KeyBlockError::Malformed;
        if !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(malformed("it has other characters than printable ones"));
        }
        let part = |from: usize, to: usize| text.get(from..to).ok_or(malformed("it ends within its header"));
        let version = part(0, 1)?.chars().next().unwrap_or_default();
        if !matches!(version, 'B' | 'D') {
            return Err(KeyBlockError::Version(version));
        }
        if decimal(part(1, 5)?) != Some(text.len()) {
            return Err(malformed("it is not as long as it says"));
        }
        let optional_blocks =
            decimal(part(12, 14)?).ok_or(malformed("it does not say how many optional blocks it has"))?;
        let mut length = Self::FIXED_LENGTH;
        part(0, length)?;
        for _ in 0..optional_blocks {
            length += optional_block_length(&text[length..])?;
        }
        Ok(Header {
            text,
            version,
            usage: part(5, 7)?,
            algorithm: part(7, 8)?,
            mode: part(8, 9)?,
            exportability: part(11, 12)?,
            length,
        })
    }

    fn check(&self, purpose: KeyPurpose) -> Result<(), KeyBlockError> {
        let fitting = purpose.attributes().ok_or(KeyBlockError::NoUsage)?;
        let one_of = |allowed: &str| allowed.chars().map(String::from).collect::<Vec<_>>().join(" or ");
        for (attribute, found, fits, expected) in [
            ("key usage", self.usage, self.usage == fitting.usage, fitting.usage.to_owned()),
            ("algorithm", self.algorithm, self.algorithm == fitting.algorithm.to_string(), fitting.algorithm.into()),
            ("mode of use", self.mode, fitting.modes.contains(self.mode), one_of(fitting.modes)),
            ("exportability", self.exportability, "ENS".contains(self.exportability), one_of("ENS")),
        ] {
            if !fits {
                return Err(KeyBlockError::Attribute { attribute, found: found.to_owned(), expected });
            }
        }
        Ok(())
    }
}

/// How many characters the optional block has that is the first in this text: identifier, length, data (X9.143, 6.3.6).
fn optional_block_length(text: &str) -> Result<usize, KeyBlockError> {
    let malformed = KeyBlockError::Malformed("it ends within an optional block");
    let part = |from: usize, to: usize| text.get(from..to).and_then(hexadecimal).ok_or(malformed.clone());
    let (length, least) = match part(2, 4)? {
        // A long one says how many bytes its length has.
        0 => {
            let end = 6 + 2 * part(4, 6)?;
            (part(6, end)?, end)
        }
        length => (length, 4),
    };
    if length >= least && length <= text.len() { Ok(length) } else { Err(malformed) }
}

fn decimal(digits: &str) -> Option<usize> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn hexadecimal(digits: &str) -> Option<usize> {
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| usize::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const AES_256: &str = "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6";
    const TDES: &str = "DD7515F2BFC17F85CE48F3CA25CB21F6";
    const CMAC_KEY: &str = "D0144M6AC00N0000379F00AD1847E10FD4DF2FDF1DF1A0E2C807B4337300CB434C97BCE7EB09DFA8FE25A92AB11711C2\
                            15875B08B71060D2F8C80FEA8A800CDB03A9D0BEC4017338";

    fn bytes(hex: &str) -> Vec<u8> {
        hex.parse::<Hex>().unwrap().0
    }

    fn hex(bytes: &[u8]) -> String {
        Hex(bytes.to_vec()).to_string()
    }

    fn open_for(text: &str, protection_key: &str, purpose: KeyPurpose) -> Result<String, KeyBlockError> {
        open_key_block(text, &bytes(protection_key), purpose).map(|key| hex(&key))
    }

    #[test]
    fn published_blocks_open() {
        // TR-31:2018, A.7.2.2, A.7.3.2 and A.7.4; X9.143:2021, 8.1; knovichikhin/psec, tests/test_tr31.py.
        for (protection_key, text, key) in [
            (
                TDES,
                "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E",
                "3F419E1CB7079442AA37474C2EFBF8B8",
            ),
            (
                "1D22BF32387C600AD97F9B97A51311AC",
                "B0104B0TX12S0100KS1800604B120F9292800000BB68BE8680A400D9191AD4ECE45B6E6C0D21C4738A52190E248719E24B433627",
                "E8BC63E5479455E26577F715D587FE68",
            ),
            (
                AES_256,
                "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03\
                 A457DC34",
                "3F419E1CB7079442AA37474C2EFBF8B8",
            ),
            (
                AES_256,
                "D0144P0AE00E00002C77FA3F4A553BED6E88AE5C172A4166E3D4ACA8E2AC71C158A476FAC12C13C3829DE55D3AB54C48F4C4FEF7\
                 AC75E90FC47F1B77E7B19A73ED46E64410082557",
                "3F419E1CB7079442AA37474C2EFBF8B8",
            ),
            (
                "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCC",
                "B0096M3TC00E0000C7C6FE86A5DE769C20DCA238C52341378B484D544A9764D43963C3B2824AE56C2D07A565DD3AB342",
                "CCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD",
            ),
        ] {
            let opened = authenticated(text, &bytes(protection_key)).map(|(_, key)| hex(&key));
            assert_eq!(opened.as_deref(), Ok(key), "{text}");
        }
    }

    #[test]
    fn a_block_for_the_purpose_gives_its_key() {
        // Made with psec, which wrote the optional blocks too: identifiers of the initial key, a time, filling.
        let aes = "D0192B1AX00N0300IK141234567890123456TS1420261124T000000ZPB0800000A585B1E48AE9689C8E053A9B9544FE92AB4\
                   C97ED0CCB4C7A31DD033335F96CC71D3CC9DD80B6A1EB104AA0CB3A73BBD560B89BA7901DC096264A3D8C59CF793";
        let aes_192 = "D0144B1AX00N000007B35B920584A2AD0F30ADE3A31DC33DFB2082C32EDF0306CCA38B8E56EABA4B74B8A9B65EA1AE9E\
                       26FEE06A802F2D9363E0E1344C22EC4517EABC9449167FF1";
        let tdes = "B0120B1TX00N0100KS18FFFF9876543210E0000013455AC486D366D7C258B4135CA104767558C38E52D2E1F4EE36E0BEA2F8\
                    7CA8DF964262EDF770FE";
        let initial = "1273671EA26AC29AFA4D1084127652A1";
        assert_eq!(open_for(aes, AES_256, KeyPurpose::AesInitialKey).unwrap(), initial);
        assert_eq!(open_for(aes_192, &AES_256[..48], KeyPurpose::AesInitialKey).unwrap(), initial);
        assert_eq!(open_for(tdes, TDES, KeyPurpose::TdesInitialKey).unwrap(), "6AC292FAA1315B4D858AB3A3D7D5933A");
        let cmac = KeyPurpose::Mac(MacAlgorithm::AesCmac);
        assert_eq!(open_for(CMAC_KEY, AES_256, cmac).unwrap(), "2B7E151628AED2A6ABF7158809CF4F3C");
    }

    #[test]
    fn a_long_optional_block_is_passed_over() {
        let label = "x".repeat(300);
        let text = format!(
            "B0416B1TX00N0200LB00020136{label}PB0A00000070FDE1A723F6047065CE7FFCE3D4F5E13876849F23B09727394807EDED9F1532\
             84CFB68E3589BBEB"
        );
        let opened = open_for(&text, TDES, KeyPurpose::TdesInitialKey).unwrap();
        assert_eq!(opened, "6AC292FAA1315B4D858AB3A3D7D5933A");
    }

    #[test]
    fn a_key_for_something_else_is_refused() {
        let refused = |purpose| open_for(CMAC_KEY, AES_256, purpose).unwrap_err().to_string();
        assert_eq!(refused(KeyPurpose::AesInitialKey), "the key block holds a key of key usage M6, where B1 is needed");
        assert!(refused(KeyPurpose::Mac(MacAlgorithm::RetailPadding1)).contains("M3 is needed"));
        assert_eq!(refused(KeyPurpose::Mac(MacAlgorithm::UnionPayEcb)), KeyBlockError::NoUsage.to_string());
        let header = |text| Header::read(text).unwrap().check(KeyPurpose::Mac(MacAlgorithm::AesCmac)).unwrap_err();
        for (text, attribute) in [
            ("D0016M6TC00N0000", "algorithm"),
            ("D0016M6AG00N0000", "mode of use"),
            ("D0016M6AC00X0000", "exportability"),
        ] {
            assert!(
                matches!(header(text), KeyBlockError::Attribute { attribute: found, .. } if found == attribute),
                "{text}"
            );
        }
    }

    #[test]
    fn whatever_is_changed_is_found() {
        let cmac = KeyPurpose::Mac(MacAlgorithm::AesCmac);
        for index in 0..CMAC_KEY.len() {
            let mut changed = CMAC_KEY.to_owned().into_bytes();
            changed[index] = if changed[index] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(open_for(&changed, AES_256, cmac).is_err(), "character {index}");
        }
        for length in 0..CMAC_KEY.len() {
            assert!(open_for(&CMAC_KEY[..length], AES_256, cmac).is_err(), "cut after {length}");
        }
        assert_eq!(open_for(CMAC_KEY, &AES_256[..32], cmac), Err(KeyBlockError::Mac));
    }

    #[test]
    fn what_is_no_key_block_says_why() {
        let error = |text: &str, key: &[u8]| open_key_block(text, key, KeyPurpose::AesInitialKey).unwrap_err();
        assert_eq!(error("A0072P0TE00E0000F5161ED902807AF26F1D62263644BD24", &[1; 16]), KeyBlockError::Version('A'));
        assert_eq!(error("", &[1; 16]), KeyBlockError::Malformed("it ends within its header"));
        assert_eq!(error("D0017B1AX00N0000", &[1; 16]), KeyBlockError::Malformed("it is not as long as it says"));
        assert_eq!(error("D0016B1AX00N0000", &[1; 16]), KeyBlockError::Malformed("it has no MAC"));
        assert!(matches!(error(CMAC_KEY, &[1; 17]), KeyBlockError::ProtectionKey { version: 'D', length: 17, .. }));
        assert!(matches!(error("B0016B1TX00N0000", &[1; 8]), KeyBlockError::ProtectionKey { version: 'B', .. }));
        assert_eq!(error("D\u{e9}", &[1; 16]), KeyBlockError::Malformed("it has other characters than printable ones"));
        // As in psec's tests: optional blocks that end too early, too late or nowhere.
        for blocks in
            ["", "K", "KS", "KS1", "KS1Y", "KS02", "KS071", "KS00", "KS001S", "KS0000", "KS000101", "KS0001FF"]
        {
            let text = format!("D{:04}B1AX00N0100{blocks}", 16 + blocks.len());
            let expected = KeyBlockError::Malformed("it ends within an optional block");
            assert_eq!(error(&text, &[1; 16]), expected, "{blocks}");
        }
    }
}
