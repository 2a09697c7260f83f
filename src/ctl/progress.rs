//! A sale's phases, as they pass.

use std::time::{Duration, Instant};

use super::object::Object;
use super::{Output, Style};

/// What a line of JSON says of a phase.
const PHASE: [&str; 5] = ["token", "state", "cashier_message", "customer_message", "reader"];

/// Shows each phase once: on a terminal as a line that says what is awaited until it has come, in
/// plain text as a line, in JSON as a document on one line.
pub(super) struct Progress<'a> {
    output: &'a Output,
    /// The latest phase.
    shown: String,
    /// Whether its line on the terminal is still to be completed.
    is_open: bool,
    since: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(output: &'a Output) -> Self {
        Progress { output, shown: String::new(), is_open: false, since: Instant::now() }
    }

    /// Takes in how the transaction stands now.
    pub(super) fn show(&mut self, transaction: &Object) {
        let (state, cashier) = (transaction.text("state"), transaction.text("cashier_message"));
        let line = format!("{state:<12} {cashier}");
        if line == self.shown || state.is_empty() {
            return;
        }
        if state == "done" {
            self.leave();
        } else if self.output.is_json() {
            self.output.record(&transaction.only(&PHASE));
        } else if self.output.is_interactive() {
            self.leave();
            self.output.print(&format!("{} {line}", self.output.styled(Style::Busy, "…")));
            self.is_open = true;
        } else {
            self.output.line(&line);
        }
        self.shown = line;
        self.since = Instant::now();
    }

    /// Says something beside the phases.
    pub(super) fn remark(&mut self, text: &str) {
        if self.output.is_json() {
            return;
        }
        self.leave();
        self.output.line(&self.output.styled(Style::Dim, text));
    }

    /// The phase on display is over.
    fn leave(&mut self) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        let mark = self.output.styled(Style::Good, "✓");
        let time = self.output.styled(Style::Dim, &time(self.since.elapsed()));
        self.output.print(&format!("\r\x1b[K{mark} {}  {time}\n", self.shown));
    }
}

fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
