//! `tenderctl dialect`.

use std::path::Path;
use std::process::ExitCode;

use emv::dict::Sensitivity;
use serde_json::{Value, json};

use super::table::Table;
use super::{Failure, Output, Style};
use crate::terminal::Hex;
use crate::upstream::iso8583::field::{self, Content};
use crate::upstream::iso8583::{
    Dialect, DialectSettings, ELEMENTS, Element, Examined, MacRule, Message, SHIPPED, Shipped, examine,
};

/// What to do with a dialect.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the dialects that come with tenderd
    List,
    /// Print the file of a dialect that comes with tenderd, to begin one's own with
    #[command(after_help = "Example:\n  tenderctl dialect show iso-1987-bcd > bank.toml")]
    Show {
        /// The dialect
        name: String,
    },
    /// List the data elements that a dialect can place
    Elements,
    /// Check a dialect's file and show its messages, or read samples in it
    #[command(after_help = "\
A sample is a whole frame as it was on the line, with length header and TPDU, in hexadecimal. Where it can't be read,
every other way of writing is tried, and what must be changed is said. Card numbers are masked, and what is secret is
not shown.

Example:
  tenderctl dialect check iso-1987-bcd --sample0015081000200000008000000000425445524d30303031

Exit codes:
  0 the dialect can be used, and every sample is read    1 a sample is not read    2 the dialect can't be used")]
    Check {
        /// The file, or the name of a dialect that comes with tenderd
        file: String,
        /// A frame in hexadecimal digits; may be given more than once
        #[arg(long = "sample", value_name = "HEX")]
        samples: Vec<Hex>,
    },
}

/// Lists, prints or checks.
pub fn run(command: &Command, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        Command::List => list(output),
        Command::Show { name } => {
            let shipped = Shipped::find(name).ok_or_else(|| {
                Failure::usage(format!("`{name}` is no dialect")).advise("`tenderctl dialect list` lists them")
            })?;
            output.print(shipped.text);
        }
        Command::Elements => elements(output),
        Command::Check { file, samples } => return check(file, samples, output),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(output: &Output) {
    if output.is_json() {
        let dialect = |shipped: &Shipped| {
            let description = shipped.dialect().description;
            json!({ "name": shipped.name, "short_name": shipped.short_name, "description": description })
        };
        return output.document(&SHIPPED.iter().map(dialect).collect::<Vec<_>>());
    }
    let mut table = Table::new(["NAME", "SHORT", "WHAT IT IS"]);
    for shipped in SHIPPED {
        let short_name = shipped.short_name.unwrap_or_default().to_owned();
        table.row([shipped.name.to_owned(), short_name, shipped.dialect().description], None);
    }
    table.print(output);
}

fn elements(output: &Output) {
    if output.is_json() {
        let element =
            |known: &crate::upstream::iso8583::Description| json!({ "name": known.name, "meaning": known.meaning });
        return output.document(&ELEMENTS.iter().map(element).collect::<Vec<_>>());
    }
    let mut table = Table::new(["NAME", "WHAT IT IS"]);
    for known in ELEMENTS {
        table.row([known.name.to_owned(), known.meaning.to_owned()], None);
    }
    table.print(output);
}

fn check(file: &str, samples: &[Hex], output: &Output) -> Result<ExitCode, Failure> {
    let dialect = DialectSettings::Named(file.to_owned()).resolve(Path::new(""));
    let dialect = dialect.map_err(|wrong| Failure::usage(wrong.to_string()))?;
    let examined: Vec<Examined> = samples.iter().map(|sample| examine(&sample.0, &dialect)).collect();
    if output.is_json() {
        output.document(&json!({
            "ok": true,
            "description": dialect.description,
            "messages": messages(&dialect),
            "samples": examined.iter().map(|sample| sample_json(sample, &dialect)).collect::<Vec<_>>(),
        }));
    } else {
        output.line(&format!("{}   {}", output.styled(Style::Good, "ok"), dialect.description));
        if samples.is_empty() {
            print(&dialect, output);
        }
        for (number, sample) in (1..).zip(&examined) {
            print_sample(number, sample, &dialect, output);
        }
    }
    let all_read = examined.iter().all(|sample| sample.trouble.is_none());
    Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Each message with its fields: what stands in them, or a constant in quotes.
fn messages(dialect: &Dialect) -> Value {
    let messages = dialect.messages.iter().map(|(purpose, layout)| {
        let mut fields = serde_json::Map::new();
        for number in dialect.numbers(layout) {
            let constant = layout.constants.get(&number).map(|value| json!({ "constant": value }));
            let composition =
                || layout.compositions.get(&number).map(|composed| json!({ "composition": composed.to_string() }));
            let element = || json!({ "element": dialect.elements.get(&number).map(Element::to_string) });
            fields.insert(number.to_string(), constant.or_else(composition).unwrap_or_else(element));
        }
        let types = json!({
            "type": layout.mti.to_string(),
            "repeat": layout.repeat.to_string(),
            "fields": fields,
            "mac": dialect.mac.as_ref().filter(|rule| rule.messages.contains(purpose)).map(|rule| rule.algorithm.name()),
        });
        (purpose.to_string(), types)
    });
    messages.collect::<serde_json::Map<_, _>>().into()
}

fn print(dialect: &Dialect, output: &Output) {
    for (purpose, layout) in &dialect.messages {
        let heading = format!("{} {purpose}", layout.mti);
        output.line(&format!("\n{}", output.styled(Style::Bold, &heading)));
        for number in dialect.numbers(layout) {
            let format = dialect.format(number).map(|format| format.to_string()).unwrap_or_default();
            let content = match (layout.constants.get(&number), layout.compositions.get(&number)) {
                (Some(value), _) => format!("\"{value}\""),
                (None, Some(composition)) => format!("\"{composition}\""),
                (None, None) => dialect.elements.get(&number).map(Element::to_string).unwrap_or_default(),
            };
            output.line(&format!("  {number:>3}  {format:<10} {content}"));
        }
        if let Some(rule) = dialect.mac.as_ref().filter(|rule| rule.messages.contains(purpose)) {
            let MacRule { algorithm, length, .. } = rule;
            output.line(&format!("  MAC  b{length:<9} {algorithm}, in field 64 or 128; its answer has one too"));
        }
    }
}

fn print_sample(number: usize, sample: &Examined, dialect: &Dialect, output: &Output) {
    let verdict = match &sample.trouble {
        None => output.styled(Style::Good, "read whole"),
        Some(_) => output.styled(Style::Bad, "not read"),
    };
    output.line(&format!("\nsample {number}: {verdict}"));
    if let Some(message) = sample.readable.as_ref().and_then(|readable| readable.message.as_ref()) {
        output.line(&format!("  {}", message.mti));
        for (number, value) in message.fields() {
            let name = dialect.elements.get(&number).map(Element::to_string);
            let name = name.unwrap_or_else(|| field::find(number).map_or("", |field| field.name).to_owned());
            output.line(&format!("  {number:>3}  {name:<28} {}", shown(number, value, dialect)));
        }
    }
    let Some(trouble) = &sample.trouble else { return };
    output.line(&format!("  {trouble}"));
    if let Some(readable) = &sample.readable {
        output.line(&format!("  {} bytes of the message were read", readable.bytes));
    }
    match remedy(sample) {
        Some(remedy) => output.line(&format!("  It can be read whole with: {remedy}")),
        None => output.line("  No other way of writing reads it: check its fields' formats, and that it is whole"),
    }
}

fn sample_json(sample: &Examined, dialect: &Dialect) -> Value {
    let message = sample.readable.as_ref().and_then(|readable| readable.message.as_ref());
    let fields = |message: &Message| {
        let field = |(number, value): (u8, &[u8])| (number.to_string(), json!(shown(number, value, dialect)));
        message.fields().map(field).collect::<serde_json::Map<_, _>>()
    };
    let remedy = sample.remedy.iter().map(|(key, value)| ((*key).to_owned(), json!(value)));
    json!({
        "read": sample.trouble.is_none(),
        "type": message.map(|message| message.mti.to_string()),
        "fields": message.map(fields),
        "trouble": sample.trouble.as_ref().map(ToString::to_string),
        "remedy": remedy.collect::<serde_json::Map<_, _>>(),
    })
}

/// What to change, as lines of a dialect's file.
fn remedy(sample: &Examined) -> Option<String> {
    let keys: Vec<_> = sample.remedy.iter().map(|(key, value)| format!("{key} = \"{value}\"")).collect();
    (!keys.is_empty()).then(|| keys.join(", "))
}

/// A value as people may see it.
fn shown(number: u8, value: &[u8], dialect: &Dialect) -> String {
    let element = dialect.elements.get(&number);
    let is_public = field::find(number).is_some_and(|field| field.sensitivity == Sensitivity::Public)
        && element.is_none_or(|element| element.description().sensitivity == Sensitivity::Public);
    let is_binary = dialect.format(number).is_some_and(|format| format.content == Content::Binary);
    match element {
        Some(Element::Pan) => masked(value),
        _ if !is_public => format!("[{}]", value.len()),
        _ if is_binary => Hex(value.to_vec()).to_string(),
        _ => String::from_utf8_lossy(value).trim_end().to_owned(),
    }
}

/// No more of a card number than a receipt has: the first six and the last four digits.
fn masked(pan: &[u8]) -> String {
    let hidden = 6.min(pan.len())..pan.len().saturating_sub(4);
    let digit = |(index, digit): (usize, &u8)| if hidden.contains(&index) { '*' } else { char::from(*digit) };
    if pan.len() < 13 { format!("[{}]", pan.len()) } else { pan.iter().enumerate().map(digit).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_card_is_shown_but_what_a_receipt_has() {
        let dialect = Dialect::bcd();
        assert_eq!(shown(2, b"4761739001010119", &dialect), "476173******0119");
        assert_eq!(shown(2, b"47617390010", &dialect), "[11]");
        assert_eq!(shown(35, b"4761739001010119=3012", &dialect), "[21]");
        assert_eq!(shown(55, &[1, 2], &dialect), "[2]");
        assert_eq!(
            (shown(41, b"TERM0001", &dialect), shown(64, &[1; 8], &dialect)),
            ("TERM0001".into(), "01".repeat(8))
        );
    }
}
