//! What is read of an X.509 certificate (RFC 5280, 4.1): how long it is valid, and its public key. Whether it can be
//! trusted is for rustls to say.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A certificate in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// Until when it is valid: `notAfter`.
    pub(super) not_after: Timestamp,
    /// `subjectPublicKeyInfo`, with its tag and length.
    pub(super) public_key: &'a [u8],
}

/// Tags of DER (ITU-T X.690).
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

impl<'a> Certificate<'a> {
    /// Nothing where the bytes are no certificate.
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let mut rest = Element::take(&mut &*der)?.inside(SEQUENCE)?;
        let mut fields = Element::take(&mut rest)?.inside(SEQUENCE)?;
        let version_or_serial_number = Element::take(&mut fields)?;
        if version_or_serial_number.tag == VERSION {
            let _serial_number = Element::take(&mut fields)?;
        }
        let _signature = Element::take(&mut fields)?;
        let _issuer = Element::take(&mut fields)?;
        let mut validity = Element::take(&mut fields)?.inside(SEQUENCE)?;
        let _not_before = Element::take(&mut validity)?;
        let not_after = Element::take(&mut validity)?.time()?;
        let _subject = Element::take(&mut fields)?;
        let public_key = Element::take(&mut fields)?;
        public_key.inside(SEQUENCE)?;
        Some(Certificate { not_after, public_key: public_key.whole })
    }
}

/// An element of DER.
#[derive(Clone, Copy)]
struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Takes the first element off `rest`.
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let whole = *rest;
        let (&tag, after_tag) = whole.split_first()?;
        let (&first, after_first) = after_tag.split_first()?;
        let (length, after_length) = match first {
            0..=0x7F => (usize::from(first), after_first),
            0x81..=0x83 => {
                let (digits, after) = after_first.split_at_checked(usize::from(first & 0x7F))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), after)
            }
            _ => return None,
        };
        let (contents, after) = after_length.split_at_checked(length)?;
        *rest = after;
        Some(Element { tag, contents, whole: &whole[..whole.len() - after.len()] })
    }

    /// What is inside an element that must have this tag.
    fn inside(self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.contents)
    }

    /// A time, in UTC to the second (RFC 5280, 4.1.2.5).
    fn time(self) -> Option<Timestamp> {
        let digits = std::str::from_utf8(self.contents).ok()?.strip_suffix('Z')?;
        let digits = match self.tag {
            // Years from 50 on are of the twentieth century.
            UTC_TIME => format!("{}{digits}", if digits < "50" { "20" } else { "19" }),
            GENERALIZED_TIME => digits.to_owned(),
            _ => return None,
        };
        let is_whole = digits.len() == 14 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let number = |range| digits.get::<std::ops::Range<usize>>(range)?.parse::<i8>().ok();
        let year = digits.get(..4).filter(|_| is_whole)?.parse().ok()?;
        let (month, day) = (number(4..6)?, number(6..8)?);
        let time = DateTime::new(year, month, day, number(8..10)?, number(10..12)?, number(12..14)?, 0).ok()?;
        TimeZone::UTC.to_timestamp(time).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(not_after: (i32, u8, u8)) -> (Vec<u8>, Vec<u8>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(["host.example".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(not_after.0, not_after.1, not_after.2);
        let der = parameters.self_signed(&key).unwrap().der().to_vec();
        (der, rcgen::PublicKeyData::subject_public_key_info(&key))
    }

    #[test]
    fn a_certificate_tells_its_key_and_its_end() {
        // Before 2050 a time has two digits of its year, and four from then on.
        for (date, expected) in [((2031, 5, 7), "2031-05-07T00:00:00Z"), ((2075, 12, 31), "2075-12-31T00:00:00Z")] {
            let (der, public_key) = certificate(date);
            let certificate = Certificate::parse(&der).unwrap();
            assert_eq!(certificate.not_after.to_string(), expected);
            assert_eq!(certificate.public_key, public_key);
        }
    }

    #[test]
    fn what_is_cut_short_is_no_certificate() {
        let (der, _) = certificate((2031, 5, 7));
        assert!((0..der.len()).all(|end| Certificate::parse(&der[..end]).is_none()));
        assert!(Certificate::parse(b"no certificate").is_none());
    }

    #[test]
    fn a_certificate_of_which_a_byte_is_changed_is_read_or_refused() {
        let (der, _) = certificate((2031, 5, 7));
        for (index, bit) in (0..der.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
            let mut changed = der.clone();
            changed[index] ^= 1 << bit;
            if let Some(certificate) = Certificate::parse(&changed) {
                assert!(certificate.public_key.len() < der.len());
            }
        }
    }
}
