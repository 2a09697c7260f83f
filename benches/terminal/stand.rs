//! A tenderd to measure, and what its bus says.

use std::collections::HashMap;
use std::fs;
use std::future::poll_fn;
use std::num::NonZero;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_core::Stream;
use tenderd::bus;
use zbus::{MatchRule, MessageStream, OwnedVariant, Variant, message};

use crate::pcscd::SOCKET_VARIABLE;
use crate::register::Register;
use crate::terminal::{Readers, Terminal, eventually, rules};

const PATIENCE: Duration = Duration::from_secs(20);

/// The program that is measured.
pub(crate) const TENDERD: &str = env!("CARGO_BIN_EXE_tenderd");

/// A terminal whose acquirer approves everything, and a tenderd as often as it is started.
pub(crate) struct Stand {
    /// How much of tenderd's log has been looked through.
    log_read: usize,
    signals: MessageStream,
    no_service: bool,
    pub(crate) register: Register,
    pub(crate) terminal: Terminal,
}

impl Stand {
    /// Prepares everything; tenderd is not running yet.
    pub(crate) fn new(readers: Readers<'_>) -> Self {
        let terminal = Terminal::prepare(readers, rules(""), &[]);
        let register = Register::of(&terminal);
        let all = MatchRule::builder().msg_type(message::Type::Signal).build().expect("a rule for all signals");
        let signals = MessageStream::for_match_rule(all, &register.connection, NonZero::new(1024));
        let signals = register.runtime.block_on(signals).expect("the bus takes the rule");
        Stand { log_read: 0, signals, no_service: false, register, terminal }
    }

    /// The same, for readers in a PC/SC service that is not there.
    pub(crate) fn without_service() -> Self {
        Stand { no_service: true, ..Self::new(Readers::Pcsc) }
    }

    /// Starts tenderd with this filter for its log; how long it took to be on the bus, from before the process was.
    pub(crate) fn start(&mut self, log: &str) -> Duration {
        let mut command = self.terminal.command();
        command.env("TENDERD_LOG", log);
        if self.no_service {
            command.env(SOCKET_VARIABLE, self.terminal.file("nobody.comm"));
        }
        let begun_at = Instant::now();
        self.terminal.spawn(command);
        self.owner_becomes(true);
        begun_at.elapsed()
    }

    /// Ends tenderd, and waits until the bus knows.
    pub(crate) fn stop(&mut self) {
        self.terminal.kill();
        self.owner_becomes(false);
    }

    /// Lets the next start find nothing of earlier ones.
    pub(crate) fn forget(&self) {
        for entry in fs::read_dir(self.terminal.file("")).expect("the directory is ours").flatten() {
            if entry.file_name().to_string_lossy().starts_with("journal.db") {
                fs::remove_file(entry.path()).expect("the directory is ours");
            }
        }
    }

    /// The next line of its log with these words; waits for it.
    pub(crate) fn next_log_line(&mut self, words: &str) -> String {
        eventually(|| {
            let log = self.terminal.log().split_off(self.log_read);
            let mut lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let found = lines.find(|line| {
                self.log_read += line.len();
                line.contains(words)
            });
            found.map(|line| line.trim_end().to_owned()).ok_or_else(|| format!("the log does not say {words:?}"))
        })
    }

    /// Sells something for 12.50 EUR at that reader; what became of it, and when this was heard.
    pub(crate) fn sell(&mut self, token: &str, reader: &str) -> (String, Instant) {
        let path = self.register.sell(token, 1250, Some(reader)).expect("the terminal is free");
        loop {
            let signal = self.next_signal("PropertiesChanged");
            if signal.header().path().is_none_or(|changed| *changed != *path) {
                continue;
            }
            let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
                signal.body().deserialize().expect("that is what this signal carries");
            if let Some(Variant::Str(result)) = changed.get("Result").map(|value| &**value)
                && !result.is_empty()
            {
                return (result.to_string(), Instant::now());
            }
        }
    }

    fn owner_becomes(&mut self, somebody: bool) {
        loop {
            let signal = self.next_signal("NameOwnerChanged");
            let (name, _, owner): (String, String, String) =
                signal.body().deserialize().expect("that is what this signal carries");
            if name == bus::NAME && owner.is_empty() != somebody {
                return;
            }
        }
    }

    fn next_signal(&mut self, member: &str) -> zbus::Message {
        let signals = &mut self.signals;
        let next = async {
            loop {
                let signal = poll_fn(|context| pin!(&mut *signals).poll_next(context)).await;
                let signal = signal.expect("the bus stays").expect("what the bus delivers is valid");
                if signal.header().member().is_some_and(|name| name.as_str() == member) {
                    return signal;
                }
            }
        };
        let next = self.register.runtime.block_on(async { tokio::time::timeout(PATIENCE, next).await });
        next.unwrap_or_else(|_| panic!("no {member}"))
    }
}
