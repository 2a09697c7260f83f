//! Messages of a host, in every dialect: a whole message that can be written again, or an error.

use std::sync::LazyLock;

use tenderd::upstream::iso8583::{Dialect, SHIPPED, Shipped, decode, encode};

static DIALECTS: LazyLock<Vec<Dialect>> = LazyLock::new(|| SHIPPED.iter().map(Shipped::dialect).collect());

pub fn run(bytes: &[u8]) {
    for dialect in DIALECTS.iter() {
        if let Ok(message) = decode(bytes, dialect) {
            let again = encode(&message, dialect).expect("what was read can be written");
            assert_eq!(decode(&again, dialect).as_ref(), Ok(&message));
        }
    }
}
