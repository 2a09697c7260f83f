//! Messages of a host, in every dialect: a whole message that can be written again, or an error.

use tenderd::upstream::iso8583::{Dialect, decode, encode};

pub fn run(bytes: &[u8]) {
    for dialect in [Dialect::ascii(), Dialect::ascii_binary(), Dialect::bcd()] {
        if let Ok(message) = decode(bytes, &dialect) {
            let again = encode(&message, &dialect).expect("what was read can be written");
            assert_eq!(decode(&again, &dialect).as_ref(), Ok(&message));
        }
    }
}
