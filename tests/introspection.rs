//! The interfaces as they are published in `dbus/` are what the daemon exports.

#[path = "support/register.rs"]
mod register;
#[path = "support/terminal.rs"]
mod terminal;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use register::start;
use roxmltree::{Document, Node, ParsingOptions};
use terminal::{Readers, rules};

const OBJECTS: [(&str, &str); 3] = [
    ("org.tenderd.Terminal1", "/org/tenderd"),
    ("org.tenderd.Transaction1", "/org/tenderd/transaction/t_2d1"),
    ("org.tenderd.Reader1", "/org/tenderd/reader/simulated_20mastercard_2doffline_2dcda"),
];

/// An interface's members, each on a line: what it is, its attributes, and the same of its arguments and annotations.
/// The order of members says nothing; that of arguments does.
fn members(xml: &str, interface: &str) -> BTreeSet<String> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(xml.trim_start(), options).expect("introspection data is XML");
    let node = document.root_element().children().find(|node| node.attribute("name") == Some(interface));
    let node = node.unwrap_or_else(|| panic!("there is no {interface} in\n{xml}"));
    node.children().filter(Node::is_element).map(line).collect()
}

fn line(node: Node<'_, '_>) -> String {
    let attributes: BTreeSet<String> =
        node.attributes().map(|attribute| format!(" {}={}", attribute.name(), attribute.value())).collect();
    let children: Vec<String> = node.children().filter(Node::is_element).map(line).collect();
    format!("{}{} [{}]", node.tag_name().name(), attributes.into_iter().collect::<String>(), children.join("; "))
}

#[test]
fn the_published_interfaces_are_those_that_the_daemon_exports() {
    let (terminal, register) = start(Readers::Simulated(&["mastercard-offline-cda"]), rules(""), &[]);
    let sale = terminal.tenderctl(&["sale", "1.00", "EUR", "--token", "t-1"]);
    assert!(sale.status.success(), "{sale:?}");
    for (interface, path) in OBJECTS {
        let exported: String = register.call(path, "org.freedesktop.DBus.Introspectable", "Introspect", &()).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("dbus/{interface}.xml"));
        let published = fs::read_to_string(file).unwrap();
        assert_eq!(members(&published, interface), members(&exported, interface), "{interface}");
    }
}
