//! What becomes of a damaged journal: it is kept as it is under another name, and a new one begins, with all that is
//! certain of the old one.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Entry, Journal, JournalError, Link, Seq, decode, lock};
use crate::terminal::{Event, Exposure, JournalSetAside, Phase, Record, Stan, TerminalEvent, Token, Transaction};

/// Rows that can't be read may have used STANs: so many are passed over after the last that can be read.
const STANS_PASSED_OVER: usize = 1000;

/// What was found in a damaged journal, and what was done about it.
#[derive(Debug)]
pub struct SetAside {
    /// Where it is now.
    pub file: PathBuf,
    /// What is wrong with it, first of all.
    pub damage: JournalError,
    /// The last row up to which every one is as it was written.
    pub last_good: Seq,
    /// The transactions of which every row is as it was written, and whose end is certain. The new journal has them.
    pub kept: Vec<Transaction>,
    /// All others: somebody must settle them with the acquirer.
    pub unsettled: Vec<Unsettled>,
}

/// A transaction whose end the damaged journal does not tell for certain.
#[derive(Debug)]
pub struct Unsettled {
    /// Its token, as the rows have it.
    pub token: String,
    /// What its rows tell, where that is something.
    pub transaction: Option<Transaction>,
}

impl SetAside {
    /// What goes on in the new journal: reversals that the acquirer has not taken, and advices.
    pub fn outstanding(&self) -> impl Iterator<Item = &Transaction> {
        self.kept.iter().filter(|kept| kept.phase() == Phase::Reversing || kept.is_advice_outstanding())
    }
}

/// Sets a damaged journal aside. Nothing of it is changed but its name; the daemon must be stopped.
///
/// What a power cut interrupts here, the next call finishes: until then no journal is opened under the old name.
///
/// # Errors
/// [`JournalError::Whole`] if there is nothing wrong with it, [`JournalError::InUse`] if somebody writes it.
pub fn set_aside(path: &Path, now: Timestamp) -> Result<SetAside, JournalError> {
    let _lock = lock(path)?;
    let failed = |source| JournalError::File { path: path.to_owned(), source };
    let staged = staged(path);
    let was_interrupted = is_being_set_aside(path);
    let file = match was_interrupted {
        true => Journal::read(&staged)?.set_aside_before()?.map(|event| path.with_file_name(event.file)),
        false => None,
    };
    let file = file.unwrap_or_else(|| beside(path, &now.strftime(".damaged-%Y%m%dT%H%M%SZ").to_string()));
    let found = Findings::of(if was_interrupted { &file } else { path })?;
    if !was_interrupted {
        remove(&staged).map_err(failed)?;
        found.begin_journal(&staged, &file, now)?;
        fs::rename(path, &file).map_err(failed)?;
    }
    // Names of files that SQLite keeps beside its own: the journal can be read under its new name.
    for suffix in ["-wal", "-shm"] {
        if beside(path, suffix).exists() {
            fs::rename(beside(path, suffix), beside(&file, suffix)).map_err(failed)?;
        }
    }
    sync_folder(path).map_err(failed)?;
    fs::rename(&staged, path).map_err(failed)?;
    sync_folder(path).map_err(failed)?;
    let Findings { damage, last_good, kept, unsettled, .. } = found;
    let kept = kept.into_iter().map(|(transaction, _)| transaction).collect();
    Ok(SetAside { file, damage, last_good: last_good.0, kept, unsettled })
}

/// Whether a journal was being set aside when the power went: the old one is gone, and the new one is not there yet.
pub fn is_being_set_aside(path: &Path) -> bool {
    !path.exists() && staged(path).exists()
}

/// Where the new journal is made.
fn staged(path: &Path) -> PathBuf {
    beside(path, ".new")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes what an earlier attempt left.
fn remove(staged: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm", ".lock"] {
        match fs::remove_file(beside(staged, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// What a damaged journal tells.
struct Findings {
    damage: JournalError,
    last_good: (Seq, Link),
    kept: Vec<(Transaction, Vec<Record>)>,
    unsettled: Vec<Unsettled>,
    /// The last reservation of each key.
    reservations: BTreeMap<String, TerminalEvent>,
    /// The last STAN, with the row that used it.
    last_stan: Option<(Seq, Stan)>,
}

impl Findings {
    /// Reads what can be read; an error if nothing is damaged.
    fn of(path: &Path) -> Result<Self, JournalError> {
        let mut entries = Vec::new();
        let damage = match Journal::read(path) {
            Ok(journal) => journal.visit_entries(|entry| entries.push(entry)).or_else(|| journal.verify().err()),
            Err(error) if error.is_damage() => Some(error),
            Err(error) => return Err(error),
        };
        let damage = damage.ok_or_else(|| JournalError::Whole { path: path.to_owned() })?;
        let good = entries.iter().take_while(|entry| entry.is_intact).last();
        let last_good = good.and_then(|entry| Some((entry.seq, Link::parse(&entry.chain)?)));
        let mut found = Findings {
            damage,
            last_good: last_good.unwrap_or((0, Link::GENESIS)),
            kept: Vec::new(),
            unsettled: Vec::new(),
            reservations: BTreeMap::new(),
            last_stan: None,
        };
        let mut of_tokens: Vec<(String, Vec<Entry>)> = Vec::new();
        let mut places = BTreeMap::new();
        for entry in entries {
            match entry.token.clone() {
                None => found.note_terminal_event(&entry),
                Some(token) => {
                    let place = *places.entry(token.clone()).or_insert(of_tokens.len());
                    if place == of_tokens.len() {
                        of_tokens.push((token, Vec::new()));
                    }
                    of_tokens[place].1.push(entry);
                }
            }
        }
        for (token, entries) in of_tokens {
            found.judge(token, &entries);
        }
        Ok(found)
    }

    fn note_terminal_event(&mut self, entry: &Entry) {
        match decode(&entry.event, &entry.body) {
            Ok(TerminalEvent::KeysReserved(reservation)) => {
                let key = reservation.initial_key_id.to_string();
                self.reservations.insert(key, TerminalEvent::KeysReserved(reservation));
            }
            Ok(TerminalEvent::JournalSetAside(before)) => {
                self.last_stan = before.last_stan.map(|stan| (entry.seq + before.rows_taken_over, stan));
            }
            _ => {}
        }
    }

    /// A transaction goes on where no row that is missing or changed can make it another: it is at its end, or its
    /// reversal is under way. To send a reversal or an advice once more than needed does no harm. Of any other, the
    /// caller may have been told something that can't be read.
    fn judge(&mut self, token: String, entries: &[Entry]) {
        let records: Option<Vec<Record>> = entries.iter().map(record).collect();
        let transaction = records.clone().and_then(|records| Transaction::fold(records).ok().flatten());
        let is_intact = entries.iter().all(|entry| entry.is_intact);
        entries.iter().filter(|entry| entry.is_intact).for_each(|entry| self.note_stan(entry));
        match (transaction, records) {
            (Some(transaction), Some(records)) if is_intact && is_certain(&transaction) => {
                self.kept.push((transaction, records));
            }
            (transaction, _) => self.unsettled.push(Unsettled { token, transaction }),
        }
    }

    fn note_stan(&mut self, entry: &Entry) {
        let stan = match record(entry).map(|record| record.event) {
            Some(Event::OnlineRequested(message) | Event::AdviceRequested(message)) => message.stan,
            Some(Event::ReversalRequested(reversal)) => reversal.stan,
            _ => return,
        };
        if self.last_stan.is_none_or(|(seq, _)| seq < entry.seq) {
            self.last_stan = Some((entry.seq, stan));
        }
    }

    /// Writes the new journal, whole and synced, under a name that nobody looks for.
    fn begin_journal(&self, staged: &Path, file: &Path, now: Timestamp) -> Result<(), JournalError> {
        let records: Vec<Record> = self.kept.iter().flat_map(|(_, records)| records.clone()).collect();
        let name = file.file_name().unwrap_or(OsStr::new("")).to_string_lossy().into_owned();
        let last_stan = self.last_stan.map(|(_, last)| (0..STANS_PASSED_OVER).fold(last, |stan, _| stan.next()));
        let begun = JournalSetAside {
            file: name,
            last_good_row: self.last_good.0,
            last_good_chain: self.last_good.1.to_string(),
            rows_taken_over: records.len() as Seq,
            last_stan,
        };
        let mut journal = Journal::open(staged)?;
        journal.append_terminal(now, &TerminalEvent::JournalSetAside(begun))?;
        journal.append(&records)?;
        for reservation in self.reservations.values() {
            journal.append_terminal(now, reservation)?;
        }
        drop(journal);
        let failed = |source| JournalError::File { path: staged.to_owned(), source };
        fs::remove_file(beside(staged, ".lock")).map_err(failed)
    }
}

fn is_certain(transaction: &Transaction) -> bool {
    transaction.phase() == Phase::Done || transaction.exposure() == Exposure::Reversing
}

fn record(entry: &Entry) -> Option<Record> {
    let token: Token = entry.token.as_deref()?.parse().ok()?;
    Some(Record { at: entry.at.parse().ok()?, token, event: decode(&entry.event, &entry.body).ok()? })
}

#[cfg(test)]
mod tests;
