//! What holds for every dialect: a message comes back as it was sent, and no bytes can do harm.

use proptest::prelude::*;

use super::field::{Content, FIELDS, Format, Length};
use super::*;

fn mti(text: &str) -> Mti {
    text.parse().unwrap()
}

fn dialects() -> Vec<Dialect> {
    let bcd = Dialect::bcd();
    vec![
        Dialect::ascii(),
        Dialect::ascii_binary(),
        bcd.clone(),
        Dialect { filler: Filler::RightF, length_prefix: LengthPrefix::Binary, ..bcd.clone() },
        Dialect { filler: Filler::RightZero, binary: Binary::Hex, fields: [(39, "n2".parse().unwrap())].into(), ..bcd },
    ]
}

fn message(mti: Mti, fields: &[(u8, &[u8])]) -> Message {
    let mut message = Message::new(mti);
    for (number, value) in fields {
        message.set(*number, *value);
    }
    message
}

#[test]
fn a_message_is_written_as_each_dialect_says() {
    let message = message(
        mti("0100"),
        &[(3, b"0"), (11, b"123"), (35, b"4761739001010119=3012"), (41, b"TERM1"), (55, &[0x9F, 0x36])],
    );
    let written = |dialect: &Dialect| encode(&message, dialect).unwrap().escape_ascii().to_string();
    assert_eq!(written(&Dialect::ascii()), "01002020000020800200000000000123214761739001010119=3012TERM1   0049F36");
    assert_eq!(
        written(&Dialect::ascii_binary()),
        r"0100  \x00\x00 \x80\x02\x00000000000123214761739001010119=3012TERM1   002\x9f6"
    );
    // The track has an odd count of digits: a zero stands before them.
    assert_eq!(
        written(&Dialect::bcd()),
        r"\x01\x00  \x00\x00 \x80\x02\x00\x00\x00\x00\x00\x01#!\x04v\x179\x00\x10\x10\x11\x9d0\x12TERM1   \x00\x02\x9f6"
    );
}

#[test]
fn a_field_beyond_the_64th_brings_a_second_bitmap() {
    let message = message(mti("0800"), &[(11, b"000001"), (70, b"301")]);
    let bytes = encode(&message, &Dialect::ascii()).unwrap();
    assert_eq!(bytes.as_slice(), b"080080200000000000000400000000000000000001301");
    assert_eq!(decode(&bytes, &Dialect::ascii()), Ok(message));
}

#[test]
fn a_value_that_its_field_may_not_hold_is_not_written() {
    let error = |number: u8, value: &[u8], dialect: &Dialect| {
        encode(&message(mti("0100"), &[(number, value)]), dialect).unwrap_err()
    };
    let format = |number| Dialect::bcd().format(number).unwrap();
    let bcd = Dialect::bcd();
    assert_eq!(error(4, b"12.50", &bcd), EncodeError::Content { field: 4, format: format(4) });
    assert_eq!(error(4, b"1234567890123", &bcd), EncodeError::TooLong { field: 4, format: format(4), length: 13 });
    assert_eq!(error(52, &[0; 7], &bcd), EncodeError::TooShort { field: 52, format: format(52), length: 7 });
    assert_eq!(error(65, b"", &bcd), EncodeError::NoSuchField(65));
    // Five hundred bytes are a thousand hexadecimal characters, which three digits can't count.
    assert_eq!(
        error(55, &[0; 500], &Dialect::ascii()),
        EncodeError::TooLong { field: 55, format: format(55), length: 1000 }
    );
}

#[test]
fn bad_bytes_are_refused_with_the_part_that_is_bad() {
    let bcd = |bytes: &[u8]| decode(bytes, &Dialect::bcd()).unwrap_err();
    let ascii = |bytes: &[u8]| decode(bytes, &Dialect::ascii()).unwrap_err();
    let truncated = |part, wanted, left| DecodeError::Truncated { part, wanted, left };

    assert_eq!(bcd(&[0x01]), truncated(Part::Mti, 2, 1));
    assert_eq!(bcd(&[0x0A, 0x10, 0, 0, 0, 0, 0, 0, 0, 0]), DecodeError::Content(Part::Mti));
    assert_eq!(bcd(&[0x01, 0x10, 0, 0]), truncated(Part::Bitmap, 8, 2));
    assert_eq!(ascii(b"0110000000000000000G"), DecodeError::Content(Part::Bitmap));
    assert_eq!(bcd(&[0x01, 0x10, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]), DecodeError::NoSuchField(65));
    assert_eq!(bcd(&[0x01, 0x10, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x16, 0x47, 0x61]), truncated(Part::Field(2), 8, 2));
    assert_eq!(bcd(&[0x01, 0x10, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x1A]), DecodeError::Content(Part::Length(2)));
    let too_long = DecodeError::TooLong { part: Part::Length(2), length: 20, limit: 19 };
    assert_eq!(bcd(&[0x01, 0x10, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x20]), too_long);
    assert_eq!(ascii(b"01100000000000000200003ABC"), DecodeError::Content(Part::Length(55)));
    assert_eq!(ascii(b"01100000000000000000!"), DecodeError::Trailing(1));
    assert_eq!(too_long.to_string(), "length of field 2 (Primary Account Number (PAN)): 20, where 19 is the most");
}

/// Values that fill their field, as they come back when decoded.
fn value(format: Format) -> BoxedStrategy<Vec<u8>> {
    let allowed: Vec<u8> = (0..=255).filter(|byte| format.content.allows(*byte)).collect();
    let byte = prop::sample::select(allowed);
    let least = if format.length == Length::Fixed { format.limit } else { 0 };
    // The longest binary field in hexadecimal characters that three digits can count.
    let most = if format.content == Content::Binary { format.limit.min(499) } else { format.limit };
    prop::collection::vec(byte, least.min(most)..=most.min(least.max(40))).boxed()
}

fn any_message(dialect: &Dialect) -> impl Strategy<Value = Message> + use<> {
    let dialect = dialect.clone();
    let mti = prop::array::uniform4(0u8..=9).prop_map(|digits| Mti::from_digits(digits).unwrap());
    let numbers = prop::sample::subsequence(FIELDS.map(|field| field.number).to_vec(), 0..30);
    (mti, numbers).prop_flat_map(move |(mti, numbers)| {
        let values: Vec<_> = numbers.iter().map(|number| value(dialect.format(*number).unwrap())).collect();
        values.prop_map(move |values| {
            let mut message = Message::new(mti);
            for (number, value) in numbers.iter().zip(values) {
                message.set(*number, value);
            }
            message
        })
    })
}

proptest! {
    #[test]
    fn a_message_comes_back_as_it_was_sent_in_every_dialect(
        (dialect, message) in prop::sample::select(dialects())
            .prop_flat_map(|dialect| (Just(dialect.clone()), any_message(&dialect))),
    ) {
        let bytes = encode(&message, &dialect).unwrap();
        prop_assert_eq!(decode(&bytes, &dialect), Ok(message.clone()));
        // Whole or nothing: no prefix of a message is one, and nothing may follow it.
        for end in 0..bytes.len() {
            prop_assert!(decode(&bytes[..end], &dialect).is_err());
        }
        prop_assert_eq!(decode(&[bytes.as_slice(), b"0"].concat(), &dialect), Err(DecodeError::Trailing(1)));
    }

    #[test]
    fn arbitrary_bytes_are_a_message_or_an_error(
        dialect in prop::sample::select(dialects()),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        if let Ok(message) = decode(&bytes, &dialect) {
            prop_assert!(encode(&message, &dialect).is_ok());
        }
    }

    #[test]
    fn a_damaged_message_is_a_message_or_an_error(
        (dialect, message) in prop::sample::select(dialects())
            .prop_flat_map(|dialect| (Just(dialect.clone()), any_message(&dialect))),
        at in any::<prop::sample::Index>(),
        damage in 1u8..,
    ) {
        let mut bytes = encode(&message, &dialect).unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= damage;
        let _ = decode(&bytes, &dialect);
    }
}
