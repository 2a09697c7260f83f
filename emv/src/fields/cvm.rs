//! Cardholder verification: the list the card gives and the result the terminal reports.

use core::fmt;

use arrayvec::ArrayVec;

use super::{Amount, Error, exactly};

/// How a cardholder is verified (EMV Book 3, Annex C3, first byte of a rule).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CvMethod {
    /// Fail CVM processing.
    Fail,
    /// Plaintext PIN, verified by the ICC.
    PlaintextPin,
    /// Enciphered PIN, verified online.
    OnlinePin,
    /// Plaintext PIN, verified by the ICC, and signature.
    PlaintextPinAndSignature,
    /// Enciphered PIN, verified by the ICC.
    EncipheredPin,
    /// Enciphered PIN, verified by the ICC, and signature.
    EncipheredPinAndSignature,
    /// A biometric.
    Biometric {
        /// Which.
        biometric: Biometric,
        /// Whether it is verified online, rather than by the ICC.
        online: bool,
    },
    /// Signature.
    Signature,
    /// No CVM required.
    NoCvm,
    /// A code that nobody defined, or that belongs to a payment system or an issuer.
    Unrecognised(u8),
}

/// What a biometric looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Biometric {
    /// The face.
    Facial,
    /// A finger.
    Finger,
    /// The palm.
    Palm,
    /// The iris.
    Iris,
    /// The voice.
    Voice,
}

impl CvMethod {
    /// The method of a code of six bits; the two above them are not looked at.
    pub const fn from_code(code: u8) -> Self {
        let code = code & 0x3F;
        match code {
            0x00 => CvMethod::Fail,
            0x01 => CvMethod::PlaintextPin,
            0x02 => CvMethod::OnlinePin,
            0x03 => CvMethod::PlaintextPinAndSignature,
            0x04 => CvMethod::EncipheredPin,
            0x05 => CvMethod::EncipheredPinAndSignature,
            0x06..=0x0F => CvMethod::Biometric {
                biometric: match code / 2 {
                    3 => Biometric::Facial,
                    4 => Biometric::Finger,
                    5 => Biometric::Palm,
                    6 => Biometric::Iris,
                    _ => Biometric::Voice,
                },
                online: code % 2 == 1,
            },
            0x1E => CvMethod::Signature,
            0x1F => CvMethod::NoCvm,
            _ => CvMethod::Unrecognised(code),
        }
    }
}

impl fmt::Display for CvMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CvMethod::Fail => "fail CVM processing",
            CvMethod::PlaintextPin => "plaintext PIN verified by ICC",
            CvMethod::OnlinePin => "enciphered PIN verified online",
            CvMethod::PlaintextPinAndSignature => "plaintext PIN verified by ICC and signature",
            CvMethod::EncipheredPin => "enciphered PIN verified by ICC",
            CvMethod::EncipheredPinAndSignature => "enciphered PIN verified by ICC and signature",
            CvMethod::Signature => "signature",
            CvMethod::NoCvm => "no CVM required",
            CvMethod::Biometric { biometric, online } => {
                let how = if *online { "online" } else { "offline" };
                return write!(f, "{biometric} biometric verified {how}");
            }
            CvMethod::Unrecognised(code) => return write!(f, "unrecognised CVM {code:02X}"),
        })
    }
}

impl fmt::Display for Biometric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Biometric::Facial => "facial",
            Biometric::Finger => "finger",
            Biometric::Palm => "palm",
            Biometric::Iris => "iris",
            Biometric::Voice => "voice",
        })
    }
}

/// When a rule applies (EMV Book 3, Annex C3, second byte of a rule).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CvmCondition {
    /// Always.
    Always,
    /// If unattended cash.
    UnattendedCash,
    /// If not unattended cash, not manual cash and not purchase with cashback.
    NoCashNorCashback,
    /// If the terminal supports the CVM.
    TerminalSupportsCvm,
    /// If manual cash.
    ManualCash,
    /// If purchase with cashback.
    Cashback,
    /// If in the application currency and under amount X.
    UnderX,
    /// If in the application currency and over amount X.
    OverX,
    /// If in the application currency and under amount Y.
    UnderY,
    /// If in the application currency and over amount Y.
    OverY,
    /// A code that nobody defined, or that belongs to a payment system.
    Unrecognised(u8),
}

impl CvmCondition {
    /// The condition of a code.
    pub const fn from_code(code: u8) -> Self {
        match code {
            0x00 => CvmCondition::Always,
            0x01 => CvmCondition::UnattendedCash,
            0x02 => CvmCondition::NoCashNorCashback,
            0x03 => CvmCondition::TerminalSupportsCvm,
            0x04 => CvmCondition::ManualCash,
            0x05 => CvmCondition::Cashback,
            0x06 => CvmCondition::UnderX,
            0x07 => CvmCondition::OverX,
            0x08 => CvmCondition::UnderY,
            0x09 => CvmCondition::OverY,
            _ => CvmCondition::Unrecognised(code),
        }
    }
}

impl fmt::Display for CvmCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CvmCondition::Always => "always",
            CvmCondition::UnattendedCash => "if unattended cash",
            CvmCondition::NoCashNorCashback => "if not unattended cash, not manual cash and not purchase with cashback",
            CvmCondition::TerminalSupportsCvm => "if the terminal supports it",
            CvmCondition::ManualCash => "if manual cash",
            CvmCondition::Cashback => "if purchase with cashback",
            CvmCondition::UnderX => "if in the application currency and under X",
            CvmCondition::OverX => "if in the application currency and over X",
            CvmCondition::UnderY => "if in the application currency and under Y",
            CvmCondition::OverY => "if in the application currency and over Y",
            CvmCondition::Unrecognised(code) => return write!(f, "on unrecognised condition {code:02X}"),
        })
    }
}

/// One rule of a CVM List: two bytes (EMV Book 3, Annex C3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CvRule {
    code: u8,
    condition: u8,
}

impl CvRule {
    /// A rule of these two bytes.
    pub const fn from_bytes([code, condition]: [u8; 2]) -> Self {
        CvRule { code, condition }
    }

    /// Always a plaintext PIN that the card verifies: what Kernel 2 reports where a phone verified its
    /// holder (Book C-2, CVM.4).
    pub const PLAINTEXT_PIN_ALWAYS: Self = CvRule { code: 0x01, condition: 0x00 };

    /// The first byte: method, and what to do if it fails. CVM Results repeat it.
    pub const fn code(self) -> u8 {
        self.code
    }

    /// The second byte: when the rule applies. CVM Results repeat it.
    pub const fn condition_code(self) -> u8 {
        self.condition
    }

    /// How the cardholder is verified.
    pub const fn method(self) -> CvMethod {
        CvMethod::from_code(self.code)
    }

    /// When the rule applies.
    pub const fn condition(self) -> CvmCondition {
        CvmCondition::from_code(self.condition)
    }

    /// The same rule by itself, without what it says of the rules after it. CVM Results may hold
    /// either (EMV Book 4, Table 2).
    pub const fn alone(self) -> Self {
        CvRule { code: self.code & 0x3F, ..self }
    }

    /// Whether the next rule is tried where this one was not successful; if not, cardholder
    /// verification fails there and then.
    pub const fn continues_if_unsuccessful(self) -> bool {
        self.code & 0x40 != 0
    }
}

impl fmt::Display for CvRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let then = if self.continues_if_unsuccessful() { "the next rule" } else { "verification fails" };
        write!(f, "{}, {}; if unsuccessful, {then}", self.method(), self.condition())
    }
}

/// The card's list of rules, in the order of its preference, and the two amounts they speak of
/// (EMV Book 3, 10.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CvmList {
    x: Amount,
    y: Amount,
    rules: ArrayVec<CvRule, { CvmList::MAX_RULES }>,
}

impl CvmList {
    /// The most rules: as many as 252 bytes hold behind the amounts (EMV Book 3, Annex A).
    pub const MAX_RULES: usize = 122;

    /// Reads two amounts of four bytes, binary, and the rules.
    ///
    /// # Errors
    /// If the amounts are cut short, half a rule is left over or there are too many rules. A list without rules is a
    /// list: what it means is for the kernel to say.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let wrong_length = Error::CvmListLength(bytes.len());
        let (x, rest) = bytes.split_first_chunk().ok_or(wrong_length)?;
        let (y, rest) = rest.split_first_chunk().ok_or(wrong_length)?;
        let (rules, half) = rest.as_chunks();
        if !half.is_empty() || rules.len() > Self::MAX_RULES {
            return Err(wrong_length);
        }
        Ok(CvmList {
            x: u32::from_be_bytes(*x).into(),
            y: u32::from_be_bytes(*y).into(),
            rules: rules.iter().copied().map(CvRule::from_bytes).collect(),
        })
    }

    /// Amount X, in the application currency.
    pub const fn x(&self) -> Amount {
        self.x
    }

    /// Amount Y, in the application currency.
    pub const fn y(&self) -> Amount {
        self.y
    }

    /// The rules, in the order of the card's preference.
    pub fn rules(&self) -> &[CvRule] {
        &self.rules
    }
}

impl TryFrom<&[u8]> for CvmList {
    type Error = Error;

    /// As [`CvmList::from_bytes`].
    fn try_from(value: &[u8]) -> Result<Self, Error> {
        CvmList::from_bytes(value)
    }
}

/// How the last method that was performed ended (EMV Book 4, Annex A4, third byte).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CvmResult {
    /// Not known yet, as for signature and online PIN.
    Unknown,
    /// Failed, as for a PIN that was wrong.
    Failed,
    /// Successful.
    Successful,
    /// A coding that nobody defined.
    Rfu(u8),
}

/// CVM Results, 3 bytes: the method performed, the condition under which, and its result
/// (EMV Book 4, 6.3.4.5 and Annex A4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CvmResults([u8; 3]);

impl CvmResults {
    /// A result of a rule.
    pub const fn of(rule: CvRule, result: CvmResult) -> Self {
        CvmResults([rule.code, rule.condition, result_code(result)])
    }

    /// No CVM was performed, with this result: no condition of the list was met, or the list was
    /// absent.
    pub const fn no_cvm_performed(result: CvmResult) -> Self {
        CvmResults([0x3F, 0x00, result_code(result)])
    }

    /// The value of these bytes.
    pub const fn from_bytes(bytes: [u8; 3]) -> Self {
        CvmResults(bytes)
    }

    /// The bytes, as they stand in a message.
    pub const fn as_bytes(&self) -> &[u8; 3] {
        &self.0
    }

    /// The method performed, or none (`3F`).
    pub const fn performed(self) -> Option<CvMethod> {
        if self.0[0] & 0x3F == 0x3F { None } else { Some(CvMethod::from_code(self.0[0])) }
    }

    /// The condition under which it was.
    pub const fn condition(self) -> CvmCondition {
        CvmCondition::from_code(self.0[1])
    }

    /// How it ended.
    pub const fn result(self) -> CvmResult {
        match self.0[2] {
            0 => CvmResult::Unknown,
            1 => CvmResult::Failed,
            2 => CvmResult::Successful,
            other => CvmResult::Rfu(other),
        }
    }
}

impl fmt::Display for CvmResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.performed() {
            Some(method) => write!(f, "{method}, {}: {}", self.condition(), self.result()),
            None => write!(f, "no CVM performed: {}", self.result()),
        }
    }
}

impl fmt::Display for CvmResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CvmResult::Unknown => f.write_str("unknown"),
            CvmResult::Failed => f.write_str("failed"),
            CvmResult::Successful => f.write_str("successful"),
            CvmResult::Rfu(code) => write!(f, "RFU {code:02X}"),
        }
    }
}

/// The byte for a result.
const fn result_code(result: CvmResult) -> u8 {
    match result {
        CvmResult::Unknown => 0,
        CvmResult::Failed => 1,
        CvmResult::Successful => 2,
        CvmResult::Rfu(other) => other,
    }
}

impl TryFrom<&[u8]> for CvmResults {
    type Error = Error;

    fn try_from(value: &[u8]) -> Result<Self, Error> {
        exactly("CvmResults", value).map(CvmResults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_two_amounts_and_rules() {
        let list = CvmList::from_bytes(&[0, 0, 0x13, 0x88, 0, 0, 0, 0, 0x42, 0x06, 0x5E, 0x03, 0x1F, 0x00]).unwrap();
        assert_eq!((list.x(), list.y()), (Amount::from(5000), Amount::ZERO));
        let [pin, signature, none] = list.rules() else { panic!("three rules") };
        assert_eq!((pin.method(), pin.condition()), (CvMethod::OnlinePin, CvmCondition::UnderX));
        assert_eq!(
            (signature.method(), signature.condition()),
            (CvMethod::Signature, CvmCondition::TerminalSupportsCvm)
        );
        assert_eq!((none.method(), none.condition()), (CvMethod::NoCvm, CvmCondition::Always));
        assert!(pin.continues_if_unsuccessful() && !none.continues_if_unsuccessful());
    }

    #[test]
    fn lists_of_other_lengths_are_refused() {
        let bytes = [0; 14];
        for length in [0, 1, 7, 9, 11, 13] {
            assert_eq!(CvmList::from_bytes(&bytes[..length]), Err(Error::CvmListLength(length)));
        }
        assert!(CvmList::from_bytes(&bytes[..8]).unwrap().rules().is_empty());
        assert_eq!(CvmList::from_bytes(&[0; 252]).unwrap().rules().len(), 122);
        assert_eq!(CvmList::from_bytes(&[0; 254]), Err(Error::CvmListLength(254)));
    }

    #[test]
    fn codes_that_nobody_defined_are_kept() {
        assert_eq!(CvRule::from_bytes([0x6A, 0x8C]).method(), CvMethod::Unrecognised(0x2A));
        assert_eq!(CvRule::from_bytes([0x6A, 0x8C]).condition(), CvmCondition::Unrecognised(0x8C));
        assert_eq!(CvMethod::from_code(0x07), CvMethod::Biometric { biometric: Biometric::Facial, online: true });
    }

    #[test]
    fn results_repeat_the_rule() {
        let results = CvmResults::of(CvRule::from_bytes([0x5E, 0x03]), CvmResult::Unknown);
        assert_eq!(results.as_bytes(), &[0x5E, 0x03, 0x00]);
        assert_eq!(results.performed(), Some(CvMethod::Signature));
        assert_eq!(CvmResults::no_cvm_performed(CvmResult::Failed).as_bytes(), &[0x3F, 0x00, 0x01]);
        assert_eq!(CvmResults::no_cvm_performed(CvmResult::Failed).performed(), None);
    }
}
