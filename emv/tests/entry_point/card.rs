//! The cards of the cases.

use serde_json::Value;

use crate::vectors::hex;
use crate::{in_hex, list, text};

/// The status words of a card that has no such application, or no such command.
const FILE_NOT_FOUND: &str = "6A82";
const INSTRUCTION_NOT_SUPPORTED: &str = "6D00";

/// What the recordings write where the card did not answer.
const NO_ANSWER: &str = "RF_TIMEOUT";

/// A card that answers as in the recording, and where that has no answer left, as its description
/// says: so a wrong selection still gets one.
pub(crate) struct Card<'a> {
    /// Commands and responses that were not given yet.
    recorded: Vec<(&'a str, Option<&'a str>)>,
    description: &'a Value,
    gpo_count: usize,
}

impl<'a> Card<'a> {
    pub(crate) fn of(case: &'a Value, description: &'a Value) -> Self {
        let recorded = list(&case["card_responses"]).iter().map(|pair| (text(&pair[0]), pair[1].as_str())).collect();
        Card { recorded, description, gpo_count: 0 }
    }

    /// The response to a command; nothing where the card does not answer.
    pub(crate) fn respond(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let is_gpo = command[1] == 0xA8;
        let command = in_hex(command);
        // The data of a GPO vary with the terminal.
        let is_same = |recorded: &str| recorded == command || is_gpo && recorded[2..4] == command[2..4];
        let recorded = self.recorded.iter().position(|(recorded, _)| is_same(recorded));
        let response = match recorded {
            Some(index) => self.recorded.remove(index).1,
            None => Some(self.described(&command, is_gpo)),
        };
        self.gpo_count += usize::from(is_gpo);
        response.filter(|response| *response != NO_ANSWER).map(hex)
    }

    fn described(&self, command: &str, is_gpo: bool) -> &'a str {
        let responses = |key: &str| self.description.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if is_gpo {
            return responses("gpo").get(self.gpo_count).map_or(INSTRUCTION_NOT_SUPPORTED, text);
        }
        // CLA, INS, P1, P2, Lc before the name, and Le after it.
        let name = &command[10..command.len() - 2];
        if name == in_hex(b"2PAY.SYS.DDF01") {
            return self.description.get("ppse").map_or(FILE_NOT_FOUND, text);
        }
        let found = responses("aid_fci").iter().find(|pair| text(&pair[0]) == name);
        found.map_or(FILE_NOT_FOUND, |pair| text(&pair[1]))
    }
}
