//! Elements with a modulus: attributes and child elements are its fields, as in `<capk rid="..." index="...">` of
//! emv-utils.

use roxmltree::{Document, Node};

use super::super::source::{ConfigError, Source};
use super::entry::{Entry, Field};

pub(super) fn entries(source: &Source) -> Result<Vec<Entry>, ConfigError> {
    let document = Document::parse(source.text())
        .map_err(|error| source.invalid(error.pos().row as usize, "", error.to_string()))?;
    let elements = document.descendants().filter(Node::is_element);
    Ok(elements.map(|element| entry(&document, element)).filter(Entry::is_meant).collect())
}

fn entry(document: &Document<'_>, element: Node<'_, '_>) -> Entry {
    let line = |node: Node<'_, '_>| document.text_pos_at(node.range().start).row as usize;
    let mut entry = Entry::at(line(element));
    for attribute in element.attributes() {
        if let Some(field) = Field::named(attribute.name()) {
            entry.set(field, line(element), attribute.value());
        }
    }
    for child in element.children().filter(Node::is_element) {
        if let Some(field) = Field::named(child.tag_name().name()) {
            entry.set(field, line(child), child.text().unwrap_or_default());
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::super::list;

    const CAPK: &str = "<?xml version='1.0'?>\n<emv>\n  <capk rid='A000000004' index='F7' hash_id='01'>\n    <modulus>\n\
        94EA62F6D58320E354C022ADDCF0559D8CF206CD92E869564905CE21D720F971B7AEA374830EBE1757115A85E088D41C\n\
        6B77CF5EC821F30B1D890417BF2FA31E5908DED5FA677F8C7B184AD09028FDDE96B6A6109850AA800175EABCDBBB684A\n\
        96C2EB6379DFEA08D32FE2331FE103233AD58DCDB1E6E077CB9F24EAEC5C25AF\n    </modulus>\n\
        <exponent>010001</exponent>\n<hash>EEB0DD9B2477BEE3209A914CDBA94C1C4A9BDED9</hash>\n  </capk>\n</emv>\n";

    #[test]
    fn an_element_with_a_modulus_is_a_key() {
        let list = list("config.xml", CAPK).unwrap();
        assert_eq!((list.keys.len(), list.keys[0].line, list.problems.len()), (1, 3, 0));
        assert!(list.keys[0].has_checksum);
    }

    #[test]
    fn errors_name_the_line() {
        let found = list("config.xml", &CAPK.replace("EEB0", "EEB1")).unwrap().problems[0].to_string();
        assert!(found.starts_with("config.xml:10: A000000004 F7 checksum: "), "{found}");
        let found = list("config.xml", &CAPK.replace("hash_id='01'", "hash_id='02'")).unwrap().problems[0].to_string();
        assert_eq!(found, "config.xml:3: A000000004 F7 hashid: `02`: there are only keys with SHA-1");
        assert!(list("config.xml", "<emv>\n<capk>\n</emv>").unwrap_err().starts_with("config.xml:"));
    }
}
