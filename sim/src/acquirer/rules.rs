//! How the acquirer decides, and what becomes of its answer: rules, as data.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::wire::Message;
use crate::hex;

/// Rules, tried in order: the first that matches a request decides. Where none does, the request is approved.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
}

/// Why there are no rules.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The file can't be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds something else than rules.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: String,
        /// Where, and what.
        source: Box<toml::de::Error>,
    },
}

impl Rules {
    /// Reads a file of rules. [`Rules::default`] are written in one, `default_rules.toml` beside this source.
    pub fn read(path: &Path) -> Result<Self, RulesError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| RulesError::Read { path: name.clone(), source })?;
        toml::from_str(&text).map_err(|source| RulesError::Parse { path: name, source: Box::new(source) })
    }

    /// Reads rules from a text.
    ///
    /// # Errors
    /// If the text holds something else.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// What to do with `request`.
    pub(super) fn decide(&mut self, request: &Message) -> Decision {
        let rule = self.rules.iter_mut().find(|rule| rule.times != Some(0) && rule.when.holds(request));
        let Some(rule) = rule else { return Decision::default() };
        rule.times = rule.times.map(|times| times - 1);
        rule.then.clone()
    }
}

impl Default for Rules {
    /// Decides by the last two digits of the amount.
    fn default() -> Self {
        Self::parse(include_str!("default_rules.toml")).expect("the default rules are part of the program")
    }
}

/// Which requests a rule is for, and what it decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(default)]
    when: Condition,
    #[serde(default)]
    then: Decision,
    /// For that many requests only.
    times: Option<u32>,
}

/// Which requests a rule is for. What it doesn't say doesn't matter.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Condition {
    /// Message types; where none are given, authorisation and financial requests.
    mti: Vec<String>,
    /// Exactly this amount, minor units.
    amount: Option<u64>,
    /// At least this amount.
    amount_min: Option<u64>,
    /// At most this amount.
    amount_max: Option<u64>,
    /// The last two digits of the amount.
    cents: Option<u64>,
    /// How the PAN begins.
    pan: Option<String>,
}

impl Default for Condition {
    fn default() -> Self {
        let mti = ["0100", "0200", "1100", "1200"].map(str::to_owned).to_vec();
        Self { mti, amount: None, amount_min: None, amount_max: None, cents: None, pan: None }
    }
}

impl Condition {
    fn holds(&self, request: &Message) -> bool {
        let amount = request.number(4).unwrap_or(0);
        self.mti.contains(&request.mti)
            && self.amount.is_none_or(|exactly| amount == exactly)
            && self.amount_min.is_none_or(|least| amount >= least)
            && self.amount_max.is_none_or(|most| amount <= most)
            && self.cents.is_none_or(|cents| amount % 100 == cents)
            && self.pan.as_deref().is_none_or(|start| request.text(2).is_some_and(|pan| pan.starts_with(start)))
    }
}

/// What the acquirer answers, and what becomes of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Decision {
    /// Response code, field 39. `00` approves, `10` approves a part.
    pub(super) response: String,
    /// How much of the amount `10` approves, in hundredths.
    pub(super) partial_percent: u64,
    /// Fields of the answer, by number, that differ from what the acquirer would say.
    fields: BTreeMap<String, String>,
    /// Commands for the card, from its issuer: CLA, INS, P1, P2 and data. The MAC is added.
    #[serde(deserialize_with = "commands")]
    pub(super) script: Vec<Vec<u8>>,
    /// What becomes of the answer.
    pub(super) delivery: Delivery,
    /// How long the answer takes, milliseconds.
    pub(super) delay_ms: u64,
}

impl Default for Decision {
    fn default() -> Self {
        Self {
            response: "00".to_owned(),
            partial_percent: 50,
            fields: BTreeMap::new(),
            script: Vec::new(),
            delivery: Delivery::Answer,
            delay_ms: 0,
        }
    }
}

impl Decision {
    /// Fields of the answer that differ. A key that is no number is none.
    pub(super) fn fields(&self) -> impl Iterator<Item = (u8, &str)> {
        self.fields.iter().filter_map(|(number, value)| Some((number.parse().ok()?, value.as_str())))
    }
}

fn commands<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let command = |text: &String| hex::decode(text).filter(|command| command.len() >= 4);
    let expected = || D::Error::custom("expected CLA, INS, P1, P2 and data in hexadecimal");
    texts.iter().map(|text| command(text).ok_or_else(expected)).collect()
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Delivery {
    /// It is sent.
    Answer,
    /// It is not sent.
    None,
    /// The connection is closed instead.
    DropLine,
    /// A byte is sent that is no message.
    Malformed,
    /// It is sent with the STAN of another request.
    OtherStan,
    /// It is sent with a MAC that is wrong, where messages have one.
    WrongMac,
    /// It is sent without a MAC.
    NoMac,
    /// The answer to a sign-on is sent with a check value that is wrong.
    WrongCheckValue,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(mti: &str, amount: &str) -> Message {
        let fields = [(2, b"4761739001010119".to_vec()), (4, amount.as_bytes().to_vec())].into();
        Message { tpdu: None, mti: mti.to_owned(), fields }
    }

    #[test]
    fn the_default_rules_decide_by_the_last_two_digits() {
        let mut rules = Rules::default();
        assert_eq!(rules.decide(&request("0100", "000000001250")), Decision::default());
        assert_eq!(rules.decide(&request("0100", "000000001051")).response, "51");
        assert_eq!(rules.decide(&request("0200", "000000001098")).delivery, Delivery::DropLine);
        assert_eq!(rules.decide(&request("0400", "000000001098")), Decision::default());
    }

    #[test]
    fn a_rule_may_be_for_some_amounts_some_cards_and_some_times() {
        let text = "
            [[rule]]
            when = { amount_min = 100, amount_max = 200, pan = '4761' }
            then.response = '61'
            times = 2
            [[rule]]
            when = { mti = ['0400'], amount = 150 }
            then.delivery = 'none'
        ";
        let mut rules = Rules::parse(text).unwrap();
        let codes = ["99", "100", "200", "150"].map(|amount| rules.decide(&request("0100", amount)).response);
        assert_eq!(codes, ["00", "61", "61", "00"]);
        assert_eq!(rules.decide(&request("0400", "150")).delivery, Delivery::None);
    }

    #[test]
    fn a_word_that_no_rule_has_is_refused() {
        for text in [
            "when.colour = 1",
            "then.answer = '00'",
            "then.delivery = 'pigeon'",
            "then.script = ['84']",
            "response = '00'",
        ] {
            assert!(Rules::parse(&format!("[[rule]]\n{text}")).is_err(), "{text}");
        }
        assert!(Rules::parse("[[rules]]").is_err());
    }
}
