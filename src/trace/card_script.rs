//! Card scripts: the answers of a card by command.

use emv::apdu::StatusWord;
use emv::tlv::Writer;
use emv::{apdu::Command, dict};

use super::entry::What;
use super::file::Trace;
use crate::terminal::Hex;

/// What a card answers to which commands, in the order of the recording.
#[derive(Clone, PartialEq, Eq)]
pub struct CardScript {
    steps: Vec<Step>,
    unmatched: Unmatched,
}

/// What the card answers to a command that the script doesn't have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmatched {
    /// This response; `6A82` where nothing else is asked for.
    Answer(Vec<u8>),
    /// Nothing: the card has left.
    Lost,
}

#[derive(Clone, PartialEq, Eq)]
struct Step {
    command: Pattern,
    /// Nothing where the card did not answer.
    response: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Eq)]
enum Pattern {
    /// Exactly this command, with or without Le.
    Exactly(Vec<u8>),
    /// Any command with this instruction byte: its data depends on the terminal.
    Instruction(u8),
}

impl Pattern {
    /// Whether a proprietary command (class `80`, such as GET PROCESSING OPTIONS) asks for the same with other data:
    /// an amount, say, or an Unpredictable Number.
    fn asks_the_same(&self, command: &[u8]) -> bool {
        const CLASS_PROPRIETARY: u8 = 0x80;
        match self {
            Pattern::Exactly(own) => command.first() == Some(&CLASS_PROPRIETARY) && own.get(..4) == command.get(..4),
            Pattern::Instruction(_) => false,
        }
    }
}

impl Default for Unmatched {
    fn default() -> Self {
        Unmatched::Answer(StatusWord::FILE_NOT_FOUND.to_bytes().to_vec())
    }
}

impl CardScript {
    /// A card that knows no command yet.
    pub fn new(unmatched: Unmatched) -> Self {
        CardScript { steps: Vec::new(), unmatched }
    }

    /// The answers that a trace recorded.
    pub fn of(trace: &Trace, unmatched: Unmatched) -> Self {
        let mut script = CardScript::new(unmatched);
        for pair in trace.entries.windows(2) {
            match [&pair[0].what, &pair[1].what] {
                [What::Command(command), What::Response(response)] => {
                    script.add(&command.0, Some(response.0.clone()));
                }
                [What::Command(command), What::Card(_)] => script.add(&command.0, None),
                _ => {}
            }
        }
        script
    }

    /// Adds an answer; `None` where the card did not answer. Of several answers to a command, each is given once, in
    /// this order, and the last one from then on.
    pub fn add(&mut self, command: &[u8], response: Option<Vec<u8>>) {
        self.steps.push(Step { command: Pattern::Exactly(without_le(command).to_vec()), response });
    }

    /// Adds an answer to any command with this instruction byte that no [`CardScript::add`] matches.
    pub fn add_instruction(&mut self, instruction: u8, response: Option<Vec<u8>>) {
        self.steps.push(Step { command: Pattern::Instruction(instruction), response });
    }

    /// What to answer to everything else.
    pub fn set_unmatched(&mut self, unmatched: Unmatched) {
        self.unmatched = unmatched;
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there is no answer at all.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The pairs of command and response as JSON arrays of hex, `null` where there is none; an instruction byte stands
    /// for the commands that have it.
    pub fn pairs(&self) -> Vec<(String, Option<String>)> {
        let hex = |bytes: &Vec<u8>| Hex(bytes.clone()).to_string();
        let pair = |step: &Step| {
            let command = match &step.command {
                Pattern::Exactly(command) => hex(command),
                Pattern::Instruction(instruction) => format!("{instruction:02X}"),
            };
            (command, step.response.as_ref().map(hex))
        };
        self.steps.iter().map(pair).collect()
    }

    /// Whether it has this very command, with or without Le.
    fn has(&self, command: &[u8]) -> bool {
        self.steps.iter().any(|step| step.command == Pattern::Exactly(without_le(command).to_vec()))
    }

    /// Whether it has a GENERATE AC that asks for an ARQC (EMV Book 3, 6.5.5).
    pub(super) fn asks_for_arqc(&self) -> bool {
        self.steps.iter().any(|step| match &step.command {
            Pattern::Exactly(command) => {
                matches!(command[..], [0x80, 0xAE, reference_control, ..] if reference_control & 0xC0 == 0x80)
            }
            Pattern::Instruction(_) => false,
        })
    }

    /// Makes the card answer SELECT of an application with this FCI, if it has no answer to that: for recordings that
    /// begin with an application already selected.
    pub(super) fn complete_with_application(&mut self, name: &[u8], fci: &[u8]) {
        let select = Command::select(name).to_bytes();
        if !self.has(&select) {
            self.add(&select, Some([fci, &StatusWord::SUCCESS.to_bytes()].concat()));
        }
    }

    /// Makes the card answer SELECT of the PPSE with these applications, if it has no answer to that: for recordings
    /// that begin with an application already selected.
    pub fn complete_with_ppse(&mut self, aids: &[&[u8]]) {
        let select = Command::select(PPSE).to_bytes();
        if self.has(&select) {
            return;
        }
        let mut fci = Writer::new();
        fci.template(dict::FCI_TEMPLATE, |fci| {
            fci.put(dict::DF_NAME, PPSE);
            fci.template(dict::FCI_PROPRIETARY_TEMPLATE, |proprietary| {
                proprietary.template(dict::FCI_ISSUER_DISCRETIONARY_DATA, |issuer| {
                    for (aid, priority) in aids.iter().zip(1..=15) {
                        issuer.template(dict::APPLICATION_TEMPLATE, |entry| {
                            entry.put(dict::ADF_NAME, aid);
                            entry.put(dict::APPLICATION_PRIORITY_INDICATOR, &[priority]);
                        });
                    }
                });
            });
        });
        let mut response = fci.into_bytes();
        response.extend(StatusWord::SUCCESS.to_bytes());
        self.add(&select, Some(response));
    }

    /// The card, new.
    pub(super) fn card(&self) -> ScriptedCard<'_> {
        ScriptedCard { script: self, given: vec![false; self.steps.len()], unmatched: Vec::new() }
    }
}

/// The name of the Proximity Payment System Environment (EMV Contactless Book B, 3.3.2).
const PPSE: &[u8] = b"2PAY.SYS.DDF01";

/// A card that follows a script.
pub(super) struct ScriptedCard<'a> {
    script: &'a CardScript,
    /// Which answers were given already.
    given: Vec<bool>,
    unmatched: Vec<Hex>,
}

impl ScriptedCard<'_> {
    /// The response to a command; nothing where the card does not answer.
    pub(super) fn answer(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let exactly = Pattern::Exactly(without_le(command).to_vec());
        let instruction = command.get(1).map(|instruction| Pattern::Instruction(*instruction));
        let found = self.next(|pattern| *pattern == exactly);
        let found = found.or_else(|| self.next(|pattern| Some(pattern) == instruction.as_ref()));
        let found = found.or_else(|| self.next(|pattern| pattern.asks_the_same(command)));
        let Some(step) = found else {
            self.unmatched.push(Hex(command.to_vec()));
            return match &self.script.unmatched {
                Unmatched::Answer(response) => Some(response.clone()),
                Unmatched::Lost => None,
            };
        };
        self.given[step] = true;
        self.script.steps[step].response.clone()
    }

    /// The first answer to this command that was not given yet, and otherwise the last one.
    fn next(&self, is_it: impl Fn(&Pattern) -> bool) -> Option<usize> {
        let matching = || (0..self.given.len()).filter(|step| is_it(&self.script.steps[*step].command));
        matching().find(|step| !self.given[*step]).or_else(|| matching().next_back())
    }

    /// The commands that had no answer.
    pub(super) fn unmatched(self) -> Vec<Hex> {
        self.unmatched
    }
}

/// A command of the short form without Le: logs differ in whether they show it.
fn without_le(command: &[u8]) -> &[u8] {
    match command {
        [_, _, _, _, _le] => &command[..4],
        [_, _, _, _, length, data @ ..] if data.len() == usize::from(*length) + 1 => &command[..command.len() - 1],
        _ => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_one_command_are_given_in_order_and_the_last_one_stays() {
        let mut script = CardScript::new(Unmatched::Lost);
        script.add(&[0x80, 0xCA, 0x9F, 0x36, 0x00], Some(vec![1]));
        script.add(&[0x80, 0xCA, 0x9F, 0x36], Some(vec![2]));
        let mut card = script.card();
        let command = [0x80, 0xCA, 0x9F, 0x36, 0x00];
        assert_eq!(
            [card.answer(&command), card.answer(&command), card.answer(&command)].map(Option::unwrap),
            [vec![1], vec![2], vec![2]]
        );
    }

    #[test]
    fn a_whole_command_outweighs_an_instruction_and_the_rest_has_no_answer() {
        let mut script = CardScript::new(Unmatched::default());
        script.add_instruction(0xA8, Some(vec![0x67, 0x00]));
        script.add(&[0x80, 0xA8, 0x00, 0x00, 0x02, 0x83, 0x00, 0x00], Some(vec![0x90, 0x00]));
        let mut card = script.card();
        assert_eq!(card.answer(&[0x80, 0xA8, 0x00, 0x00, 0x02, 0x83, 0x00]), Some(vec![0x90, 0x00]));
        assert_eq!(card.answer(&[0x80, 0xA8, 0x00, 0x00, 0x03, 0x83, 0x01, 0x00]), Some(vec![0x67, 0x00]));
        assert_eq!(card.answer(&[0x00, 0xB2, 0x01, 0x0C, 0x00]), Some(vec![0x6A, 0x82]));
        assert_eq!(card.unmatched(), [Hex(vec![0x00, 0xB2, 0x01, 0x0C, 0x00])]);
    }

    #[test]
    fn a_proprietary_command_with_other_data_is_answered_as_the_recorded_one() {
        let mut script = CardScript::new(Unmatched::default());
        script.add(&[0x80, 0xA8, 0x00, 0x00, 0x02, 0x83, 0x00, 0x00], Some(vec![0x90, 0x00]));
        script.add(&[0x00, 0xA4, 0x04, 0x00, 0x01, 0xA0, 0x00], Some(vec![0x90, 0x01]));
        let mut card = script.card();
        assert_eq!(card.answer(&[0x80, 0xA8, 0x00, 0x00, 0x03, 0x83, 0x01, 0x80, 0x00]), Some(vec![0x90, 0x00]));
        let other_select = [0x00, 0xA4, 0x04, 0x00, 0x01, 0xB0, 0x00];
        assert_eq!(card.answer(&other_select), Some(vec![0x6A, 0x82]), "another application is another question");
        assert_eq!(card.unmatched(), [Hex(other_select.to_vec())]);
    }
}
