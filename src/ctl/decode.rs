//! `tenderctl decode`.

use std::io::Read;
use std::process::ExitCode;

use emv::apdu::Response;
use emv::dict::{self, Sensitivity};
use emv::fields::{Pan, Track2, meanings};
use emv::tlv::{Dol, Tag, Tlvs};
use serde::Serialize;

use super::{Failure, Output, Style};
use crate::terminal::Hex;

/// Arguments of `tenderctl decode`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenderctl decode 6F1A840E325041592E5359532E4444463031A5088801025F2D02656E9000
  tenderctl decode 00A404000E325041592E5359532E444446303100
  tenderctl decode --tag 95 0400008000
  xclip -o | tenderctl decode -")]
pub struct Args {
    /// A TLV, a command or a response, in hexadecimal, with or without spaces; `-` reads standard input
    #[arg(required = true, value_name = "HEX")]
    hex: Vec<String>,

    /// The digits are the bare value of this data object
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,

    /// Show card numbers and tracks in clear
    #[arg(long)]
    reveal: bool,
}

/// What the digits are.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Decoded {
    /// Data objects.
    Objects { objects: Vec<Node> },
    /// A command to a card.
    Command { name: &'static str, header: String, data: String, objects: Vec<Node> },
    /// A card's answer.
    Response { status: String, meaning: &'static str, objects: Vec<Node> },
}

/// A data object.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Node {
    tag: String,
    name: &'static str,
    length: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    meaning: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    objects: Vec<Node>,
}

/// The commands that contactless kernels send (EMV Book 3, 6.5; Book C-2 and C-3, Annex D).
const COMMANDS: &[([u8; 2], &str)] = &[
    ([0x00, 0xA4], "SELECT"),
    ([0x00, 0xB2], "READ RECORD"),
    ([0x00, 0x82], "EXTERNAL AUTHENTICATE"),
    ([0x80, 0xA8], "GET PROCESSING OPTIONS"),
    ([0x80, 0xAE], "GENERATE AC"),
    ([0x80, 0xCA], "GET DATA"),
    ([0x80, 0xDA], "PUT DATA"),
    ([0x80, 0xEA], "EXCHANGE RELAY RESISTANCE DATA"),
    ([0x80, 0x2A], "COMPUTE CRYPTOGRAPHIC CHECKSUM"),
    ([0x80, 0xD0], "RECOVER AC"),
];

/// Status words that cards answer with (EMV Book 1, 11 and Book 3, 6.3.5).
const STATUS_WORDS: &[(u16, &str)] = &[
    (0x9000, "carried out"),
    (0x6283, "selected file deactivated"),
    (0x6300, "authentication failed"),
    (0x6700, "wrong length"),
    (0x6981, "command incompatible with file structure"),
    (0x6982, "security status not satisfied"),
    (0x6983, "authentication method blocked"),
    (0x6984, "referenced data can't be used"),
    (0x6985, "conditions of use not satisfied"),
    (0x6986, "command not allowed"),
    (0x6A81, "function not supported"),
    (0x6A82, "file or application not found"),
    (0x6A83, "record not found"),
    (0x6A86, "wrong parameters P1 P2"),
    (0x6A88, "referenced data not found"),
    (0x6D00, "instruction not supported"),
    (0x6E00, "class not supported"),
    (0x6F00, "no precise diagnosis"),
];

/// Prints what the digits mean.
///
/// # Errors
/// If they are not hexadecimal, or none of a TLV, a command and a response; exit code 2.
pub fn run(args: &Args, output: &Output) -> Result<ExitCode, Failure> {
    let mut text = args.hex.concat();
    if text == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text).map_err(|error| Failure::new(format!("standard input: {error}")))?;
    }
    text.retain(|character| !character.is_whitespace() && !matches!(character, ':' | ','));
    let bytes = text.parse::<Hex>().map_err(|error| Failure::usage(format!("the input is {error}")))?.0;
    let decoded = match &args.tag {
        Some(tag) => {
            let tag: Tag = tag.parse().map_err(|_| Failure::usage(format!("`{tag}` is not a tag such as 9F02")))?;
            Decoded::Objects { objects: vec![node(tag, &bytes, Some(Tlvs::parse(&bytes).ok()), args.reveal)] }
        }
        None => decode(&bytes, args.reveal)?,
    };
    if output.is_json() {
        output.document(&decoded);
    } else {
        print(&decoded, output);
    }
    Ok(ExitCode::SUCCESS)
}

fn decode(bytes: &[u8], reveal: bool) -> Result<Decoded, Failure> {
    if let Some(command) = command(bytes, reveal) {
        return Ok(command);
    }
    // Before plain objects: a 9000 at the end could be read as an empty object with the tag 90.
    if let Ok(Response { data, status }) = Response::parse(bytes)
        && matches!(status.to_bytes()[0], 0x61..=0x6F | 0x90)
        && let Ok(objects) = Tlvs::parse(data)
    {
        let meaning = STATUS_WORDS.iter().find(|(known, _)| *known == status.0).map_or("", |(_, meaning)| *meaning);
        return Ok(Decoded::Response { status: status.to_string(), meaning, objects: nodes(objects, reveal) });
    }
    let error = match Tlvs::parse(bytes) {
        Ok(objects) if !objects.is_empty() => return Ok(Decoded::Objects { objects: nodes(objects, reveal) }),
        Ok(_) => "there is no data object in it".to_owned(),
        Err(error) => error.to_string(),
    };
    let advice = "Give a whole TLV, command or response; for a bare value say which with --tag";
    Err(Failure::usage(format!("neither a command, nor a response, nor a TLV: {error}")).advise(advice))
}

/// A command of the short form whose length fits.
fn command(bytes: &[u8], reveal: bool) -> Option<Decoded> {
    let (&[cla, ins, p1, p2], rest) = bytes.split_first_chunk()?;
    let (_, name) = COMMANDS.iter().find(|(known, _)| *known == [cla, ins])?;
    let data = match rest {
        [] | [_] => &[][..],
        [length, rest @ ..] => match rest.len().checked_sub(usize::from(*length))? {
            0 | 1 => &rest[..usize::from(*length)],
            _ => return None,
        },
    };
    let objects = Tlvs::parse(data).map(|objects| nodes(objects, reveal)).unwrap_or_default();
    let header = format!("{cla:02X} {ins:02X} {p1:02X} {p2:02X}");
    let data = if data.is_ascii() && data.iter().all(u8::is_ascii_graphic) && !data.is_empty() {
        format!("{} ({})", Hex(data.to_vec()), String::from_utf8_lossy(data))
    } else {
        Hex(data.to_vec()).to_string()
    };
    Some(Decoded::Command { name, header, data, objects })
}

fn nodes(objects: Tlvs<'_>, reveal: bool) -> Vec<Node> {
    objects
        .iter()
        .map(|object| {
            node(object.tag, object.value, object.tag.is_constructed().then(|| Some(object.children())), reveal)
        })
        .collect()
}

/// A data object; `children` are those of a constructed one, where they could be read.
fn node(tag: Tag, value: &[u8], children: Option<Option<Tlvs<'_>>>, reveal: bool) -> Node {
    let children = children.flatten().filter(|_| tag.is_constructed());
    Node {
        tag: tag.to_string(),
        name: dict::find(tag).map_or("unknown", |object| object.name),
        length: value.len(),
        value: children.is_none().then(|| shown(tag, value, reveal)),
        meaning: if children.is_some() { Vec::new() } else { meaning(tag, value) },
        objects: children.map(|children| nodes(children, reveal)).unwrap_or_default(),
    }
}

/// The value, or as much of it as may be seen.
fn shown(tag: Tag, value: &[u8], reveal: bool) -> String {
    if reveal || dict::sensitivity(tag) == Sensitivity::Public {
        return Hex(value.to_vec()).to_string();
    }
    let pan = (tag == dict::PAN).then(|| Pan::try_from(value).ok()).flatten().map(|pan| pan.masked());
    let track2 = Track2::try_from(value).ok().filter(|_| tag == dict::TRACK_2_EQUIVALENT_DATA);
    pan.or_else(|| track2.map(|track2| track2.masked())).unwrap_or_else(|| "**".repeat(value.len()))
}

fn meaning(tag: Tag, value: &[u8]) -> Vec<String> {
    match meanings(tag, value) {
        Some(Ok(lines)) => lines,
        Some(Err(error)) => vec![format!("not as it should be: {error}")],
        None if tag == dict::PDOL || tag == dict::CDOL1 || tag == dict::DDOL => match Dol::parse(value) {
            Ok(dol) => dol
                .iter()
                .map(|entry| {
                    let name = dict::find(entry.tag).map_or("unknown", |object| object.name);
                    format!("{} {name}, {} bytes", entry.tag, entry.length)
                })
                .collect(),
            Err(error) => vec![format!("not as it should be: {error}")],
        },
        None => text(tag, value).into_iter().collect(),
    }
}

/// Text that is not the cardholder's.
fn text(tag: Tag, value: &[u8]) -> Option<String> {
    let is_text = dict::find(tag)
        .is_some_and(|object| matches!(object.format, dict::Format::Alphanumeric | dict::Format::AlphanumericSpecial));
    let name = tag == dict::DF_NAME && value.is_ascii() && value.first().is_some_and(u8::is_ascii_graphic);
    let is_public = dict::sensitivity(tag) == Sensitivity::Public;
    ((is_text || name) && is_public && !value.is_empty()).then(|| format!("“{}”", String::from_utf8_lossy(value)))
}

fn print(decoded: &Decoded, output: &Output) {
    let objects = match decoded {
        Decoded::Objects { objects } => objects,
        Decoded::Command { name, header, data, objects } => {
            output.line(&format!("{}  {header}", output.styled(Style::Bold, name)));
            if objects.is_empty() && !data.is_empty() {
                output.line(&format!("  {data}"));
            }
            objects
        }
        Decoded::Response { status, meaning, objects } => {
            let style = if status == "9000" { Style::Good } else { Style::Bad };
            output.line(&format!("{}  {meaning}", output.styled(style, status)));
            objects
        }
    };
    for object in objects {
        print_node(object, 0, output);
    }
}

fn print_node(node: &Node, depth: usize, output: &Output) {
    let indent = "  ".repeat(depth);
    let tag = output.styled(Style::Bold, &node.tag);
    let value = node.value.as_deref().filter(|value| !value.is_empty()).map(|value| format!("  {value}"));
    output.line(&format!(
        "{indent}{tag} {} {}{}",
        node.name,
        output.styled(Style::Dim, &format!("[{}]", node.length)),
        value.unwrap_or_default()
    ));
    for line in &node.meaning {
        output.line(&format!("{indent}     {}", output.styled(Style::Dim, &format!("· {line}"))));
    }
    for child in &node.objects {
        print_node(child, depth + 1, output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(hex: &str) -> Result<Decoded, String> {
        decode(&hex.parse::<Hex>().unwrap().0, false).map_err(|failure| failure.message)
    }

    #[test]
    fn a_response_is_a_tree_with_a_status() {
        let Ok(Decoded::Response { status, objects, .. }) = decoded("6F108407A0000000041010A50550034D43209000") else {
            panic!("a response")
        };
        assert_eq!(status, "9000");
        assert_eq!(objects[0].objects[1].objects[0].meaning, ["“MC ”"]);
    }

    #[test]
    fn a_command_is_named() {
        let Ok(Decoded::Command { name, data, .. }) = decoded("00A404000E325041592E5359532E444446303100") else {
            panic!("a command")
        };
        assert_eq!((name, data.ends_with("(2PAY.SYS.DDF01)")), ("SELECT", true));
    }

    #[test]
    fn card_numbers_are_masked() {
        let Ok(Decoded::Objects { objects }) = decoded("701C5A08476173900101011957104761739001010119D30122011234500F")
        else {
            panic!("objects")
        };
        let printed = serde_json::to_string(&objects).unwrap();
        assert!(!printed.contains("4761739001010119"), "{printed}");
    }

    #[test]
    fn what_is_none_of_it_says_why() {
        assert_eq!(decoded("9F02").unwrap_err(), "neither a command, nor a response, nor a TLV: malformed length");
    }
}
