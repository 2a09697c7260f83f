//! Issuer Update Processing (Book C-3, 6): the second presentment brings the card what its issuer sends.
//!
//! Nothing that the card answers changes how the transaction ends: the issuer has decided already.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::context::Context;
use super::{Fault, State};
use crate::apdu::{Command, InvalidCommand, Response};
use crate::dict;
use crate::fields::c3::{IssuerScriptResult, ScriptOutcome};
use crate::kernel::{Decision, Event, Outcome};
use crate::tlv::Level;

/// Issuer Update Data: what an authorisation response holds for the card.
#[derive(Debug)]
pub(super) struct IssuerUpdateData {
    authentication_data: Option<Command>,
    scripts: VecDeque<Script>,
}

/// An Issuer Script Template (EMV Book 3, 10.10).
#[derive(Debug)]
struct Script {
    identifier: [u8; 4],
    /// Those that were not sent yet.
    commands: VecDeque<Command>,
    sent: usize,
}

/// The lengths that Issuer Authentication Data may have (Book C-3, A.2).
const AUTHENTICATION_DATA_LENGTHS: core::ops::RangeInclusive<usize> = 8..=16;

impl IssuerUpdateData {
    /// What there is in the issuer's answer; nothing where there is none of it (4.4.1.1).
    pub(super) fn find(online_response: Option<&[u8]>) -> Option<Self> {
        let objects = Level::parse(online_response?).ok()?;
        let authentication_data = objects.find(dict::ISSUER_AUTHENTICATION_DATA);
        let is_script = |tag| matches!(tag, dict::ISSUER_SCRIPT_TEMPLATE_1 | dict::ISSUER_SCRIPT_TEMPLATE_2);
        let scripts: VecDeque<_> =
            objects.iter().filter(|(tag, _)| is_script(*tag)).map(|(_, template)| Script::of(template)).collect();
        (authentication_data.is_some() || !scripts.is_empty()).then(|| IssuerUpdateData {
            authentication_data: authentication_data
                .filter(|data| AUTHENTICATION_DATA_LENGTHS.contains(&data.len()))
                .map(Command::external_authenticate),
            scripts,
        })
    }
}

impl Script {
    /// Both kinds of template are treated alike. Of one that is malformed nothing is sent.
    //= C-3 6.1.1.2
    fn of(template: &[u8]) -> Self {
        let objects = Level::parse(template).ok();
        let identifier = objects.and_then(|objects| objects.find(dict::ISSUER_SCRIPT_IDENTIFIER)?.try_into().ok());
        let commands = objects.and_then(|objects| Self::commands(objects).ok());
        Script { identifier: identifier.unwrap_or_default(), commands: commands.unwrap_or_default(), sent: 0 }
    }

    fn commands(objects: Level<'_>) -> Result<VecDeque<Command>, InvalidCommand> {
        let commands = objects.iter().filter(|(tag, _)| *tag == dict::ISSUER_SCRIPT_COMMAND);
        commands.map(|(_, command)| Command::parse(command)).collect()
    }

    fn result(&self, outcome: ScriptOutcome) -> IssuerScriptResult {
        IssuerScriptResult { outcome, identifier: self.identifier }
    }
}

/// Sends what there is, the Issuer Authentication Data first.
//= C-3 6.2.1.1
pub(super) fn start(data: IssuerUpdateData, context: &mut Context) -> State {
    let scripts = Scripts { waiting: data.scripts, results: Vec::new() };
    match data.authentication_data {
        Some(command) => {
            context.transmit(command);
            State::ExternalAuthenticateResponse(ExternalAuthenticateResponse { scripts })
        }
        None => scripts.send_next(context),
    }
}

/// EXTERNAL AUTHENTICATE was sent.
#[derive(Debug)]
pub(super) struct ExternalAuthenticateResponse {
    scripts: Scripts,
}

impl ExternalAuthenticateResponse {
    /// Goes on, whatever the card thinks of its issuer.
    pub(super) fn response(self, _: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        Ok(self.scripts.send_next(context))
    }
}

/// An issuer script command was sent.
#[derive(Debug)]
pub(super) struct IssuerScriptResponse {
    scripts: Scripts,
}

impl IssuerScriptResponse {
    /// Goes on with the next command. After one that the card refuses no other is sent.
    //= C-3 6.2.1.2
    pub(super) fn response(mut self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        if response.status.is_success() || response.status.is_warning() {
            return Ok(self.scripts.send_next(context));
        }
        self.scripts.fail();
        Ok(complete(&self.scripts.results, context))
    }

    /// The card left before it answered. What it did until then is told, should it not come back.
    pub(super) fn no_response(mut self, fault: Fault, context: &mut Context) -> Fault {
        self.scripts.fail();
        record(&self.scripts.results, context);
        fault
    }
}

/// The scripts that are not done, the first of them under way, and the results of those that are.
#[derive(Debug)]
struct Scripts {
    waiting: VecDeque<Script>,
    results: Vec<IssuerScriptResult>,
}

impl Scripts {
    /// Sends the next command; where there is none left, all is done.
    fn send_next(mut self, context: &mut Context) -> State {
        while let Some(script) = self.waiting.front_mut() {
            if let Some(command) = script.commands.pop_front() {
                script.sent += 1;
                context.transmit(command);
                return State::IssuerScriptResponse(IssuerScriptResponse { scripts: self });
            }
            let outcome = if script.sent == 0 { ScriptOutcome::NotPerformed } else { ScriptOutcome::Successful };
            self.results.push(script.result(outcome));
            self.waiting.pop_front();
        }
        complete(&self.results, context)
    }

    /// The script under way failed, and those after it are not performed.
    fn fail(&mut self) {
        let failed = self.waiting.pop_front().expect("the script whose command was sent");
        self.results.push(failed.result(ScriptOutcome::Failed(failed.sent)));
        self.results.extend(self.waiting.iter().map(|script| script.result(ScriptOutcome::NotPerformed)));
    }
}

fn record(results: &[IssuerScriptResult], context: &mut Context) {
    if !results.is_empty() {
        let bytes = results.iter().flat_map(|result| result.to_bytes()).collect();
        context.record(Event::IssuerScriptResults(bytes));
    }
}

/// Ends without a word: the terminal tells what the issuer decided.
//= C-3 6.2.1.3
fn complete(results: &[IssuerScriptResult], context: &mut Context) -> State {
    record(results, context);
    context.finish(Outcome::new(Decision::EndApplication))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::super::testing::context;
    use super::*;
    use crate::apdu::StatusWord;
    use crate::kernel::Output;
    use crate::tlv::{Tag, Writer};

    const AUTHENTICATION_DATA: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
    /// APPLICATION UNBLOCK and PUT DATA, as an issuer secures them.
    const FIRST: &[u8] = &[0x84, 0x18, 0x00, 0x00, 0x04, 0xAA, 0xAA, 0xAA, 0xAA];
    const SECOND: &[u8] = &[0x04, 0xDA, 0x9F, 0x58, 0x05, 0x07, 0xBB, 0xBB, 0xBB, 0xBB];

    fn answer(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        fill(&mut writer);
        writer.into_bytes()
    }

    fn object(tag: Tag, value: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.put(tag, value);
        writer.into_bytes()
    }

    fn script(identifier: &[u8], commands: &[&[u8]]) -> Vec<u8> {
        answer(|script| {
            if !identifier.is_empty() {
                script.put(dict::ISSUER_SCRIPT_IDENTIFIER, identifier);
            }
            for command in commands {
                script.put(dict::ISSUER_SCRIPT_COMMAND, command);
            }
        })
    }

    /// Presents the card with the issuer's answer; it answers with these status words, in turn. Gives the
    /// commands that it got, and what became of the scripts.
    fn presented(online_response: &[u8], statuses: &[u16]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut context = context(&[]);
        let data = IssuerUpdateData::find(Some(online_response)).expect("data for the card");
        let mut state = start(data, &mut context);
        for status in statuses {
            let response = Response { data: &[], status: StatusWord(*status) };
            state = state.next(Ok(response), &mut context).expect("no answer is a fault");
        }
        assert!(matches!(state, State::Finished));
        assert_eq!(context.outcome(), Some(&Outcome::new(Decision::EndApplication)));
        let (mut commands, mut results) = (vec![], vec![]);
        for output in &context.outputs {
            match output {
                Output::Transmit(command) => commands.push(command.to_bytes()),
                Output::Record(Event::IssuerScriptResults(bytes)) => results.clone_from(bytes),
                _ => {}
            }
        }
        (commands, results)
    }

    //= test C-3 4.4.1.1
    #[test]
    fn without_anything_for_the_card_there_is_nothing_to_update() {
        for response in [None, Some(&[][..]), Some(&[0x8A, 0x02, 0x30, 0x30]), Some(&[0x91, 0x08, 0x00])] {
            assert!(IssuerUpdateData::find(response).is_none(), "{response:02X?}");
        }
    }

    //= test C-3 6.2.1.1, 6.2.1.3
    #[test]
    fn the_issuer_is_authenticated_and_what_the_card_says_to_it_changes_nothing() {
        let response = object(dict::ISSUER_AUTHENTICATION_DATA, AUTHENTICATION_DATA);
        for status in [0x9000, 0x6300, 0x6985] {
            let (commands, results) = presented(&response, &[status]);
            assert_eq!(commands, [[&[0x00, 0x82, 0x00, 0x00, 0x08], AUTHENTICATION_DATA].concat()]);
            assert_eq!(results, [], "there was no script");
        }
    }

    //= test C-3 6.2.1.1
    #[test]
    fn issuer_authentication_data_of_no_length_of_theirs_are_not_sent() {
        for length in [0, 7, 17] {
            let response = object(dict::ISSUER_AUTHENTICATION_DATA, &[0xAA; 17][..length]);
            assert_eq!(presented(&response, &[]).0, [[0; 0]; 0], "{length}");
        }
    }

    //= test C-3 6.1.1.2, 6.2.1.2
    #[test]
    fn the_commands_of_both_templates_are_sent_one_by_one_as_they_came() {
        let response = answer(|answer| {
            answer.put(dict::ISSUER_SCRIPT_TEMPLATE_2, &script(&[1, 2, 3, 4], &[FIRST, SECOND]));
            answer.put(dict::ISSUER_SCRIPT_TEMPLATE_1, &script(&[], &[SECOND]));
            answer.put(dict::ISSUER_AUTHENTICATION_DATA, AUTHENTICATION_DATA);
        });
        let (commands, results) = presented(&response, &[0x6985, 0x9000, 0x6283, 0x63C1]);
        assert_eq!(commands[0][..4], [0x00, 0x82, 0x00, 0x00], "the issuer first");
        assert_eq!(commands[1..], [FIRST, SECOND, SECOND]);
        assert_eq!(results, [0x20, 1, 2, 3, 4, 0x20, 0, 0, 0, 0]);
    }

    //= test C-3 6.2.1.2
    #[test]
    fn after_a_command_that_the_card_refuses_no_other_is_sent() {
        let response = answer(|answer| {
            answer.put(dict::ISSUER_SCRIPT_TEMPLATE_1, &script(&[9, 9, 9, 9], &[FIRST, SECOND, FIRST]));
            answer.put(dict::ISSUER_SCRIPT_TEMPLATE_2, &script(&[8, 8, 8, 8], &[FIRST]));
        });
        let (commands, results) = presented(&response, &[0x9000, 0x6A80]);
        assert_eq!(commands, [FIRST, SECOND]);
        assert_eq!(results, [0x12, 9, 9, 9, 9, 0x00, 8, 8, 8, 8]);
    }

    //= test C-3 6.1.1.2
    #[test]
    fn of_a_script_that_is_malformed_nothing_is_sent_and_the_next_one_is() {
        for malformed in [script(&[7, 7, 7, 7], &[FIRST, &FIRST[..8]]), script(&[7, 7, 7, 7], &[])] {
            let response = answer(|answer| {
                answer.put(dict::ISSUER_SCRIPT_TEMPLATE_1, &malformed);
                answer.put(dict::ISSUER_SCRIPT_TEMPLATE_2, &script(&[8, 8, 8, 8], &[SECOND]));
            });
            let (commands, results) = presented(&response, &[0x9000]);
            assert_eq!(commands, [SECOND]);
            assert_eq!(results, [0x00, 7, 7, 7, 7, 0x20, 8, 8, 8, 8]);
        }
        let response = object(dict::ISSUER_SCRIPT_TEMPLATE_1, &[0x86, 0x09, 0x84]);
        assert_eq!(presented(&response, &[]), (vec![], vec![0; 5]));
    }

    //= test C-3 4.1.1.2
    #[test]
    fn a_card_that_is_lost_meanwhile_is_presented_again() {
        let mut context = context(&[]);
        let response = object(dict::ISSUER_AUTHENTICATION_DATA, AUTHENTICATION_DATA);
        let state = start(IssuerUpdateData::find(Some(&response)).unwrap(), &mut context);
        let fault = super::super::testing::fault(state.next(Err(Fault::NoResponse), &mut context));
        assert_eq!(fault, Fault::NoResponse);
    }

    #[test]
    fn what_a_card_that_is_lost_meanwhile_had_done_is_told() {
        let mut context = context(&[]);
        let response = answer(|answer| {
            answer.put(dict::ISSUER_SCRIPT_TEMPLATE_1, &script(&[9, 9, 9, 9], &[FIRST]));
            answer.put(dict::ISSUER_SCRIPT_TEMPLATE_2, &script(&[8, 8, 8, 8], &[FIRST, SECOND]));
            answer.put(dict::ISSUER_SCRIPT_TEMPLATE_1, &script(&[7, 7, 7, 7], &[FIRST]));
        });
        let mut state = start(IssuerUpdateData::find(Some(&response)).unwrap(), &mut context);
        for _ in 0..2 {
            state = state.next(Ok(Response { data: &[], status: StatusWord::SUCCESS }), &mut context).unwrap();
        }
        assert!(state.next(Err(Fault::NoResponse), &mut context).is_err());
        let results = [0x20, 9, 9, 9, 9, 0x12, 8, 8, 8, 8, 0x00, 7, 7, 7, 7];
        assert_eq!(context.outputs.back(), Some(&Output::Record(Event::IssuerScriptResults(results.to_vec()))));
    }
}
