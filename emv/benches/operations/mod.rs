//! The operations that are measured, each ready to be run again and again.

pub(crate) mod transaction;

mod cards;
mod oda;
mod oda_card;
mod tlv;

use core::fmt;

/// An operation.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    /// Its name.
    pub(crate) name: &'static str,
    /// Prepares what it needs, and gives what runs it once.
    pub(crate) prepare: fn() -> Box<dyn Fn()>,
}

/// Every operation.
pub(crate) const ALL: &[Operation] = &[
    Operation { name: "parse_a_record_of_191_bytes", prepare: tlv::parse },
    Operation { name: "walk_a_record_of_191_bytes", prepare: tlv::parse_and_walk },
    Operation { name: "list_of_11_objects", prepare: tlv::list },
    Operation { name: "issuer_key_1408_from_ca_1984", prepare: oda::issuer_key },
    Operation { name: "icc_key_1152_from_issuer_1408", prepare: oda::icc_key },
    Operation { name: "dda_1152", prepare: oda::dda },
    Operation { name: "cda_1152", prepare: oda::cda },
    Operation { name: "kernel_2_with_cda", prepare: || transaction::whole(&transaction::KERNEL_2) },
    Operation { name: "kernel_3_with_fdda", prepare: || transaction::whole(&transaction::KERNEL_3) },
];

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).expect("a hexadecimal digit") as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
