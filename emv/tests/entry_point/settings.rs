//! The terminals of the cases.

use std::collections::BTreeMap;

use emv::fields::{Amount, Ttq};
use emv::profile::{Aid, Combination, KernelId, Limits};
use emv::tlv::Tag;
use serde_json::Value;

use crate::list;
use crate::text;
use crate::vectors::hex;

/// The suite's own version number and serial number of its terminal.
const FIXED_DATA: [(&str, &str); 2] = [("9F09", "0203"), ("9F1E", "3030303046453136")];

/// A terminal: its combinations in order, and the data objects that it offers to kernels.
pub(crate) struct Terminal {
    pub(crate) combinations: Vec<Combination>,
    pub(crate) data: BTreeMap<Tag, Vec<u8>>,
}

impl Terminal {
    pub(crate) fn of(settings: &Value) -> Self {
        let combinations = list(&settings["combination_sets"])
            .iter()
            .flat_map(|set| {
                list(&set["combinations"]).iter().map(move |combination| read_combination(set, combination))
            })
            .collect();
        let data = settings["terminal_data"].as_object().expect("an object of tags and values");
        let data = data.iter().map(|(tag, value)| (tag.as_str(), text(value))).chain(FIXED_DATA);
        Terminal { combinations, data: data.map(|(tag, value)| (tag.parse().expect("a tag"), hex(value))).collect() }
    }
}

fn read_combination(set: &Value, combination: &Value) -> Combination {
    let bytes = |key: &str| hex(text(&combination[key]));
    Combination {
        aid: Aid::try_from(&bytes("aid")[..]).expect("an AID"),
        kernel_id: KernelId::try_from(&bytes("kernel_id")[..]).expect("a kernel identifier"),
        transaction_types: list(&set["txn_types"]).iter().map(|code| hex(text(code))[0]).collect(),
        limits: read_limits(set),
    }
}

fn read_limits(set: &Value) -> Limits {
    let flag = |key: &str| set[key].as_bool();
    let limit = |key: &str| set[key].as_u64().map(amount);
    Limits {
        status_check_supported: flag("status_check_support").unwrap_or(false),
        zero_amount_allowed: flag("zero_amount_allowed"),
        zero_amount_for_offline_allowed: flag("zero_amount_for_offline_allowed").unwrap_or(false),
        contactless_transaction_limit: limit("reader_contactless_transaction_limit"),
        contactless_floor_limit: limit("reader_contactless_floor_limit"),
        terminal_floor_limit: limit("terminal_floor_limit"),
        cvm_required_limit: limit("reader_cvm_required_limit"),
        ttq: set["ttq"].as_str().map(|ttq| Ttq::try_from(&hex(ttq)[..]).expect("four bytes")),
        extended_selection_supported: flag("extended_selection_support").unwrap_or(false),
    }
}

/// An amount of a case, in minor units.
pub(crate) fn amount(minor_units: u64) -> Amount {
    Amount::new(minor_units).expect("at most twelve digits")
}
