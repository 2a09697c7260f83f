//! Where commands print to.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::Failure;

/// How a piece of text looks on a terminal that shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Headings and what matters.
    Bold,
    /// What matters less.
    Dim,
    /// What went well.
    Good,
    /// What needs attention, or is under way.
    Busy,
    /// What went wrong.
    Bad,
}

impl Style {
    /// The parameters of its Select Graphic Rendition sequence (ECMA-48, 8.3.117).
    fn code(self) -> &'static str {
        match self {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "1;32",
            Style::Busy => "33",
            Style::Bad => "1;31",
        }
    }
}

/// Standard output, as text or as JSON.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
    interactive: bool,
    colour: bool,
}

impl Output {
    /// Standard output of this process. Colour only on a terminal, and not if `NO_COLOR` is set and not empty.
    pub fn new(json: bool) -> Self {
        let interactive = io::stdout().is_terminal() && !json;
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Output { json, interactive: interactive && !dumb, colour: interactive && !dumb && !no_colour }
    }

    /// Whether to print JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether lines can be rewritten in place.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// The text in a style, where colours are shown.
    pub fn styled(&self, style: Style, text: &str) -> String {
        if self.colour { format!("\x1b[{}m{text}\x1b[0m", style.code()) } else { text.to_owned() }
    }

    /// Prints text as it is. A reader that has gone away, such as `head`, is no error.
    pub fn print(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    /// Prints a line.
    pub fn line(&self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    /// Prints a JSON document, indented for people's eyes.
    pub fn document(&self, document: &impl Serialize) {
        self.line(&serde_json::to_string_pretty(document).expect("what tenderctl prints has only text keys"));
    }

    /// Prints a JSON document on one line.
    pub fn record(&self, record: &impl Serialize) {
        self.line(&serde_json::to_string(record).expect("what tenderctl prints has only text keys"));
    }

    /// Says on standard error why a command failed, and gives its exit code.
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        if self.json {
            self.record(failure);
        } else {
            eprintln!("tenderctl: {}", failure.message);
            if let Some(advice) = &failure.advice {
                eprintln!("  {advice}");
            }
        }
        ExitCode::from(failure.exit)
    }
}
