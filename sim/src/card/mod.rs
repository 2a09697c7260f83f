//! A contactless payment card: it answers commands as its [`Personality`] says, with real
//! cryptograms and real signatures.
//!
//! The card has no clock and draws no random number. What must not be foreseen it computes from its
//! key and its transaction counter, so that the same commands always give the same answers.

mod command;
mod data;
mod data_storage;
mod dol;
mod issued;
mod issuer_update;
mod kernel_2;
mod mag_stripe;
mod mastercard;
mod personality;
mod phone;
mod recovery;
mod relay_resistance;
mod visa;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use emv::dict;
use emv::tlv::{Tag, Tlv, Writer};

use self::command::{Command, Status};
use self::data_storage::{Operator, Storage};
use self::dol::Values;
use self::issued::{DYNAMIC_RECORD, Issued};
use self::issuer_update::IssuerUpdate;
pub use self::personality::{Personality, PersonalityError};
use self::phone::Holder;
use self::recovery::LastCryptogram;
use self::relay_resistance::Exchange;
use crate::Scheme;

/// A card. It keeps its transaction counters as long as it lives, in the field and out of it.
#[derive(Clone)]
pub struct Card {
    applications: Vec<Application>,
    delay: Duration,
    torn_at: Option<NonZeroU32>,
    /// What it answers in place of what it would, by the number of the command.
    answers: BTreeMap<u32, Vec<u8>>,
    /// Torn off: it hears nothing until it enters the field again.
    gone: bool,
    /// Commands since the card entered the field.
    commands: u32,
    selected: Option<Selected>,
}

/// What a card does upon a command.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The response APDU; nothing where the card left the field.
    pub response: Option<Vec<u8>>,
    /// How long the card takes before it answers, or leaves.
    pub delay: Duration,
}

#[derive(Clone)]
struct Application {
    issued: Issued,
    /// Application Transaction Counter: how many transactions were begun.
    atc: u16,
    holder: Holder,
    /// The last cryptogram, where the card can give it once more.
    last: Option<LastCryptogram>,
    issuer_update: IssuerUpdate,
    storage: Storage,
}

/// The file that the last SELECT selected.
#[derive(Clone)]
enum Selected {
    /// The directory of the card's applications.
    Ppse,
    /// An application, by its index, and its transaction once that has begun.
    Application(usize, Option<Transaction>),
}

/// A transaction, from GET PROCESSING OPTIONS on.
#[derive(Clone)]
struct Transaction {
    atc: [u8; 2],
    /// What the terminal sent for the PDOL.
    options: Vec<u8>,
    /// Who was told of the card's storage, and may write it.
    operator: Option<Operator>,
    /// The record that holds what was signed in this transaction.
    dynamic_record: Option<Vec<u8>>,
    /// What was exchanged last in the relay resistance protocol.
    relay_resistance: Option<Exchange>,
    /// Whether the cryptogram was given: there is one in each transaction.
    cryptogram_given: bool,
}

/// The name of the Proximity Payment System Environment (EMV Contactless Book B, 3.3.2).
const PPSE: &[u8] = b"2PAY.SYS.DDF01";

impl Card {
    /// What PC/SC readers present for a contactless card of ISO/IEC 14443-4 type A without
    /// historical bytes (PC/SC part 3).
    pub const ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];

    /// A new card.
    pub fn new(personality: &Personality) -> Self {
        Card {
            applications: personality.applications.iter().map(Application::new).collect(),
            delay: Duration::from_millis(personality.delay_ms),
            torn_at: personality.torn_at,
            answers: personality.answers.clone(),
            gone: false,
            commands: 0,
            selected: None,
        }
    }

    /// The card enters the field, or the reader resets it.
    pub fn reset(&mut self) {
        self.gone = false;
        self.commands = 0;
        self.selected = None;
        self.applications.iter_mut().for_each(|application| application.holder.present());
    }

    /// Carries out a command APDU. Once torn off, the card answers nothing more until
    /// [`Card::reset`].
    pub fn transmit(&mut self, command: &[u8]) -> Answer {
        if self.gone {
            return Answer { response: None, delay: Duration::ZERO };
        }
        self.commands += 1;
        let delay = self.delay + self.processing_time(command);
        let carried_out = match self.carry_out(command) {
            Ok(data) => [&data[..], &Status::SUCCESS.0].concat(),
            Err(status) => status.0.to_vec(),
        };
        let response = self.answers.get(&self.commands).cloned().unwrap_or(carried_out);
        self.gone = self.torn_at.is_some_and(|number| number.get() == self.commands);
        if self.gone {
            self.torn_at = None;
        }
        Answer { response: (!self.gone).then_some(response), delay }
    }

    /// What a command takes beside what every command does.
    fn processing_time(&self, command: &[u8]) -> Duration {
        match (&self.selected, command) {
            (Some(Selected::Application(index, Some(_))), [0x80, 0xEA, ..]) => {
                let times = self.applications[*index].issued.application.table.relay_resistance;
                times.map_or(Duration::ZERO, |times| times.delay())
            }
            _ => Duration::ZERO,
        }
    }

    fn carry_out(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Status> {
        let command = Command::parse(bytes)?;
        match (command.cla, command.ins) {
            (0x00, 0x82) => self.external_authenticate(command),
            (0x00, 0xA4) => self.select(command),
            (0x00, 0xB2) => self.read_record(command),
            (0x04, 0xDA) | (0x84, 0x18 | 0x1E) => self.issuer_script(command),
            (0x80, 0x2A) => self.compute_cryptographic_checksum(command),
            (0x80, 0xA8) => self.get_processing_options(command),
            (0x80, 0xAE) => self.generate_ac(command),
            (0x80, 0xCA) => self.get_data(command),
            (0x80, 0xD0) => self.recover_ac(command),
            (0x80, 0xEA) => self.exchange_relay_resistance_data(command),
            (0x00 | 0x80, _) => Err(Status::INSTRUCTION_NOT_SUPPORTED),
            _ => Err(Status::CLASS_NOT_SUPPORTED),
        }
    }

    /// SELECT by name, whole or partial, first or next occurrence (EMV Book 1, 11.3).
    fn select(&mut self, command: Command<'_>) -> Result<Vec<u8>, Status> {
        let next_occurrence = match (command.p1, command.p2) {
            (0x04, 0x00) => false,
            (0x04, 0x02) => true,
            _ => return Err(Status::INCORRECT_P1_P2),
        };
        if command.data == PPSE && !next_occurrence {
            self.selected = Some(Selected::Ppse);
            return Ok(self.directory());
        }
        let first = match self.selected {
            Some(Selected::Application(last, _)) if next_occurrence => last + 1,
            _ => 0,
        };
        let named = |application: &Application| {
            !command.data.is_empty() && application.issued.application.table.aid.starts_with(command.data)
        };
        let found = (first..self.applications.len()).find(|index| named(&self.applications[*index]));
        // What was selected before is so no longer, whether or not something is found.
        self.selected = found.map(|index| Selected::Application(index, None));
        let Application { issued, issuer_update, .. } = &self.applications[found.ok_or(Status::FILE_NOT_FOUND)?];
        if issuer_update.is_blocked() { Err(Status::SELECTED_FILE_INVALIDATED) } else { Ok(issued.fci.clone()) }
    }

    /// The answer to SELECT of the PPSE: an entry for each application (EMV Contactless Book B, 3.3.2).
    fn directory(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.template(dict::FCI_TEMPLATE, |fci| {
            fci.put(dict::DF_NAME, PPSE).template(dict::FCI_PROPRIETARY_TEMPLATE, |proprietary| {
                proprietary.template(dict::FCI_ISSUER_DISCRETIONARY_DATA, |discretionary| {
                    for Application { issued, .. } in &self.applications {
                        let table = &issued.application.table;
                        discretionary.template(dict::APPLICATION_TEMPLATE, |entry| {
                            entry.put(dict::ADF_NAME, &table.aid);
                            entry.put(dict::APPLICATION_LABEL, table.label.as_bytes());
                            if table.priority != 0 {
                                entry.put(dict::APPLICATION_PRIORITY_INDICATOR, &[table.priority]);
                            }
                        });
                    }
                });
            });
        });
        writer.into_bytes()
    }

    /// GET PROCESSING OPTIONS begins a transaction, one for each selection (EMV Book 3, 6.5.8).
    fn get_processing_options(&mut self, command: Command<'_>) -> Result<Vec<u8>, Status> {
        if (command.p1, command.p2) != (0x00, 0x00) {
            return Err(Status::INCORRECT_P1_P2);
        }
        let Some(Selected::Application(index, transaction @ None)) = &mut self.selected else {
            return Err(Status::CONDITIONS_NOT_SATISFIED);
        };
        let Application { issued, atc, issuer_update, storage, .. } = &mut self.applications[*index];
        if issuer_update.is_blocked() {
            return Err(Status::CONDITIONS_NOT_SATISFIED);
        }
        let template = Tlv::parse(command.data).map_err(|_| Status::INCORRECT_DATA)?;
        if template.tag != dict::COMMAND_TEMPLATE {
            return Err(Status::INCORRECT_DATA);
        }
        let terminal = Values::parse(issued.pdol, template.value).ok_or(Status::WRONG_LENGTH)?;

        let next = atc.checked_add(1).ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
        let atc_bytes = next.to_be_bytes();
        let mut operator = None;
        let (response, dynamic_record) = match issued.application.scheme {
            Scheme::Visa => {
                let processed = visa::process(issued, atc_bytes, terminal)?;
                issuer_update.begin(processed.awaited);
                (processed.response, processed.dynamic_record)
            }
            Scheme::Mastercard => {
                let mut stored = Writer::new();
                operator = Operator::named(terminal)
                    .filter(|operator| storage.describe(*operator, issued, atc_bytes, &mut stored));
                (mastercard::processing_options(issued, &stored.into_bytes()), None)
            }
        };
        *atc = next;
        *transaction = Some(Transaction {
            atc: atc_bytes,
            options: terminal.as_bytes().to_vec(),
            operator,
            dynamic_record,
            relay_resistance: None,
            cryptogram_given: false,
        });
        Ok(issued.application.table.fault.spoil(&response))
    }

    /// The application that is selected, and the transaction that has begun.
    fn under_way(&mut self) -> Result<(&mut Application, &mut Transaction), Status> {
        match &mut self.selected {
            Some(Selected::Application(index, Some(transaction))) => Ok((&mut self.applications[*index], transaction)),
            _ => Err(Status::CONDITIONS_NOT_SATISFIED),
        }
    }

    /// The application that is selected.
    fn application(&mut self) -> Result<&mut Application, Status> {
        match &self.selected {
            Some(Selected::Application(index, _)) => Ok(&mut self.applications[*index]),
            _ => Err(Status::CONDITIONS_NOT_SATISFIED),
        }
    }

    /// READ RECORD (EMV Book 3, 6.5.11), of the records in the Application File Locator.
    fn read_record(&self, command: Command<'_>) -> Result<Vec<u8>, Status> {
        let (sfi, number) = (command.p2 >> 3, command.p1);
        if command.p2 & 0x07 != 0x04 || sfi == 0 || number == 0 {
            return Err(Status::INCORRECT_P1_P2);
        }
        let Some(Selected::Application(index, Some(transaction))) = &self.selected else {
            return Err(Status::CONDITIONS_NOT_SATISFIED);
        };
        let records = &self.applications[*index].issued.records;
        let dynamic = transaction.dynamic_record.as_ref().filter(|_| (sfi, number) == DYNAMIC_RECORD);
        if let Some(record) = dynamic.or_else(|| records.get(&(sfi, number))) {
            return Ok(record.clone());
        }
        let file_exists = sfi == DYNAMIC_RECORD.0 && transaction.dynamic_record.is_some()
            || records.keys().any(|(file, _)| *file == sfi);
        Err(if file_exists { Status::RECORD_NOT_FOUND } else { Status::FILE_NOT_FOUND })
    }

    /// EXTERNAL AUTHENTICATE, when the card is presented again (EMV Book 3, 6.5.4).
    fn external_authenticate(&mut self, command: Command<'_>) -> Result<Vec<u8>, Status> {
        let Application { issued, issuer_update, .. } = self.application()?;
        issuer_update.authenticate(issued, command).map(|()| Vec::new())
    }

    /// A command that its issuer sends the card.
    fn issuer_script(&mut self, command: Command<'_>) -> Result<Vec<u8>, Status> {
        let Application { issued, issuer_update, .. } = self.application()?;
        issuer_update.carry_out(issued, command).map(|()| Vec::new())
    }

    /// GET DATA (EMV Book 3, 6.5.7) of the counters, and of what the issuer wrote.
    fn get_data(&self, command: Command<'_>) -> Result<Vec<u8>, Status> {
        let Some(Selected::Application(index, _)) = &self.selected else {
            return Err(Status::CONDITIONS_NOT_SATISFIED);
        };
        let Application { atc, issuer_update, .. } = &self.applications[*index];
        let tag = Tag::new(u32::from(u16::from_be_bytes([command.p1, command.p2])));
        let mut writer = Writer::new();
        match tag {
            dict::ATC => writer.put(tag, &atc.to_be_bytes()),
            dict::PIN_TRY_COUNTER => writer.put(tag, &[3]),
            _ => writer.put(tag, issuer_update.find(tag).ok_or(Status::REFERENCED_DATA_NOT_FOUND)?),
        };
        Ok(writer.into_bytes())
    }
}

impl Application {
    fn new(application: &personality::Application) -> Self {
        Application {
            issued: Issued::new(application),
            atc: 0,
            holder: Holder::of(&application.table),
            last: None,
            issuer_update: IssuerUpdate::default(),
            storage: Storage::default(),
        }
    }
}

impl fmt::Debug for Card {
    /// How often it was used; what it holds is cardholder data and keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters: Vec<_> = self.applications.iter().map(|application| application.atc).collect();
        f.debug_struct("Card").field("atc", &counters).field("commands", &self.commands).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    /// Length and status word of the response, whose data may be a card number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.response.as_deref() {
            Some([data @ .., sw1, sw2]) => write!(f, "Answer([{}] {sw1:02X}{sw2:02X}", data.len())?,
            _ => write!(f, "Answer(none")?,
        }
        write!(f, " in {:?})", self.delay)
    }
}

#[cfg(test)]
mod tests;
