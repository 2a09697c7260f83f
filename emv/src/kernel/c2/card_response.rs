//! Storing what the card returns (Book C-2, 4.1: ParseAndStoreCardResponse).

use crate::apdu::Response;
use crate::dict::{self, Book, Object, Source};
use crate::kernel::Database;
use crate::tlv::{Tag, Tlv, Tlvs};

/// An object is not what the book lets a card send: its length is wrong, it is the terminal's, it
/// came before, or it stands in the wrong template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

/// Stores every primitive object of a response that is one object.
//= C-2 4.1.1
pub(super) fn store(database: &mut Database, response: &[u8]) -> Result<(), Refused> {
    let object = Tlv::parse(response).map_err(|_| Refused)?;
    if object.tag.is_constructed() {
        store_children(database, object.tag, object.children())
    } else {
        store_primitive(database, object.tag, &object)
    }
}

/// Stores the objects of a response of format 2, and of no other.
//= C-2 S13.11-13, S14.11-13
pub(super) fn store_format_2(database: &mut Database, response: &[u8]) -> Result<(), Refused> {
    let template = Tlv::parse(response).map_err(|_| Refused)?;
    if template.tag != dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2 {
        return Err(Refused);
    }
    store_children(database, template.tag, template.children())
}

/// Files with a higher identifier hold what is no concern of the kernel (Book C-2, S4.24).
const LAST_EMV_FILE: u8 = 10;

/// Stores the objects of a record, which is one READ RECORD Response Message Template that is not
/// empty.
//= C-2 S4.24-27
pub(super) fn store_record(database: &mut Database, sfi: u8, record: &[u8]) -> Result<(), Refused> {
    if sfi > LAST_EMV_FILE {
        return Ok(());
    }
    let template = Tlv::parse(record).map_err(|_| Refused)?;
    if template.tag != dict::READ_RECORD_RESPONSE_MESSAGE_TEMPLATE || template.value.is_empty() {
        return Err(Refused);
    }
    store(database, record)
}

fn store_children(database: &mut Database, template: Tag, children: Tlvs<'_>) -> Result<(), Refused> {
    for object in children {
        if object.tag.is_constructed() {
            store_children(database, object.tag, object.children())?;
        } else {
            store_primitive(database, template, &object)?;
        }
    }
    Ok(())
}

/// Stores one object. What the book does not know, or has the card give in other ways than in a
/// template, is passed over, unless the terminal waits for its value.
fn store_primitive(database: &mut Database, template: Tag, object: &Tlv<'_>) -> Result<(), Refused> {
    let Tlv { tag, value, .. } = *object;
    let is_wanted = database.value(tag).is_none();
    match known(tag) {
        Some(Object { templates: [], source: Source::Terminal, .. }) if !tag.is_private() => Err(Refused),
        Some(Object { templates: [], .. }) => Ok(()),
        Some(&Object { templates, length: (min, max), .. }) => {
            if !is_wanted || !(min..=max).contains(&value.len()) || !templates.contains(&template) {
                return Err(Refused);
            }
            database.set(tag, value);
            Ok(())
        }
        None if !database.is_present(tag) => Ok(()),
        None if !is_wanted => Err(Refused),
        None => {
            database.set(tag, value);
            Ok(())
        }
    }
}

/// Stores the object that GET DATA asked for, which stands in no template.
//= C-2 S5.19-24
pub(super) fn store_asked_for(database: &mut Database, tag: Tag, response: &[u8]) -> Result<(), Refused> {
    let object = Tlv::parse(response).map_err(|_| Refused)?;
    let (min, max) = known(tag).ok_or(Refused)?.length;
    if object.tag != tag || database.value(tag).is_some() || !(min..=max).contains(&object.value.len()) {
        return Err(Refused);
    }
    database.set(tag, object.value);
    Ok(())
}

/// An object as Book C-2 knows it.
fn known(tag: Tag) -> Option<&'static Object> {
    dict::find_in(Book::C2, tag).filter(|object| object.book != Book::C3)
}

/// Stores the value of a response of format 1, which is the values of these objects one after
/// another; the last takes what is left, and may have nothing (EMV Book 3, 6.5.8.4 and 6.5.5.4).
///
/// An object of length `None` has what is left.
pub(super) fn store_format_1(
    database: &mut Database,
    value: &[u8],
    objects: &[(Tag, Option<usize>)],
) -> Result<(), Refused> {
    let mut rest = value;
    for &(tag, length) in objects {
        let (object, after) = rest.split_at_checked(length.unwrap_or(rest.len())).ok_or(Refused)?;
        rest = after;
        if length.is_none() && object.is_empty() {
            continue;
        }
        let known = known(tag).expect("an object of the book");
        if database.value(tag).is_some() || object.len() > known.length.1 {
            return Err(Refused);
        }
        database.set(tag, object);
    }
    if rest.is_empty() { Ok(()) } else { Err(Refused) }
}

/// The data of a response of format 1, if that is what it is.
pub(super) fn format_1<'a>(response: &Response<'a>) -> Option<&'a [u8]> {
    let object = Tlv::parse(response.data).ok()?;
    (object.tag == dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_1).then_some(object.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlv::Writer;

    fn template(tag: Tag, objects: &[(Tag, &[u8])]) -> alloc::vec::Vec<u8> {
        let mut writer = Writer::new();
        writer.template(tag, |inner| {
            for (tag, value) in objects {
                inner.put(*tag, value);
            }
        });
        writer.into_bytes()
    }

    fn record(objects: &[(Tag, &[u8])]) -> alloc::vec::Vec<u8> {
        template(dict::READ_RECORD_RESPONSE_MESSAGE_TEMPLATE, objects)
    }

    //= test C-2 4.1.1
    #[test]
    fn known_objects_are_stored_and_unknown_ones_passed_over() {
        let mut database = Database::new();
        let unknown = Tag::new(0xDF_8777);
        assert_eq!(store(&mut database, &record(&[(dict::PAN_SEQUENCE_NUMBER, &[1]), (unknown, &[2])])), Ok(()));
        assert_eq!(database.get(dict::PAN_SEQUENCE_NUMBER), Some(&[1][..]));
        assert!(!database.is_present(unknown));
    }

    #[test]
    fn an_unknown_object_that_the_terminal_waits_for_is_stored_once() {
        let mut database = Database::new();
        let unknown = Tag::new(0xDF_8777);
        database.set(unknown, &[]);
        assert_eq!(store(&mut database, &record(&[(unknown, &[2])])), Ok(()));
        assert_eq!(database.get(unknown), Some(&[2][..]));
        assert_eq!(store(&mut database, &record(&[(unknown, &[2])])), Err(Refused));
    }

    #[test]
    fn an_object_twice_is_refused() {
        let mut database = Database::new();
        let twice = record(&[(dict::PAN_SEQUENCE_NUMBER, &[1]), (dict::PAN_SEQUENCE_NUMBER, &[1])]);
        assert_eq!(store(&mut database, &twice), Err(Refused));
    }

    //= test C-2 4.1.1
    #[test]
    fn an_object_of_a_wrong_length_is_refused() {
        assert_eq!(store(&mut Database::new(), &record(&[(dict::ATC, &[1])])), Err(Refused));
    }

    #[test]
    fn an_object_of_the_terminal_is_refused_and_one_of_the_kernel_passed_over() {
        let mut database = Database::new();
        assert_eq!(store(&mut database, &record(&[(dict::TVR, &[0; 5])])), Err(Refused));
        let own = record(&[(dict::TERMINAL_ACTION_CODE_DENIAL, &[0xFF; 5])]);
        assert_eq!(store(&mut database, &own), Ok(()));
        assert!(!database.is_present(dict::TERMINAL_ACTION_CODE_DENIAL));
    }

    //= test C-2 4.1.1
    #[test]
    fn an_object_in_the_wrong_template_is_refused() {
        let mut database = Database::new();
        assert_eq!(store(&mut database, &record(&[(dict::APPLICATION_CRYPTOGRAM, &[0; 8])])), Err(Refused));
        let right = template(dict::RESPONSE_MESSAGE_TEMPLATE_FORMAT_2, &[(dict::APPLICATION_CRYPTOGRAM, &[0; 8])]);
        assert_eq!(store(&mut database, &right), Ok(()));
    }

    #[test]
    fn more_or_less_than_one_object_is_refused() {
        assert_eq!(store(&mut Database::new(), &[]), Err(Refused));
        let mut two = record(&[]);
        two.extend(record(&[]));
        assert_eq!(store(&mut Database::new(), &two), Err(Refused));
    }

    //= test C-2 S4.24-27
    #[test]
    fn records_of_files_1_to_10_are_stored_and_others_passed_over() {
        for (sfi, expected) in [(1, Some(&[1][..])), (10, Some(&[1])), (11, None), (30, None)] {
            let mut database = Database::new();
            assert_eq!(store_record(&mut database, sfi, &record(&[(dict::PAN_SEQUENCE_NUMBER, &[1])])), Ok(()));
            assert_eq!(database.get(dict::PAN_SEQUENCE_NUMBER), expected, "SFI {sfi}");
        }
    }

    //= test C-2 S3.10-12, S9.18-20
    #[test]
    fn format_1_is_cut_into_its_objects() {
        let objects = [(dict::AIP, Some(2)), (dict::AFL, None)];
        let mut database = Database::new();
        assert_eq!(store_format_1(&mut database, &[0x19, 0x80, 0x08, 0x01, 0x01, 0x00], &objects), Ok(()));
        assert_eq!(database.get(dict::AIP), Some(&[0x19, 0x80][..]));
        assert_eq!(database.get(dict::AFL), Some(&[0x08, 0x01, 0x01, 0x00][..]));
        assert_eq!(store_format_1(&mut Database::new(), &[0x19], &objects), Err(Refused));
        assert_eq!(store_format_1(&mut Database::new(), &[0x19, 0x80, 0x00], &objects[..1]), Err(Refused));
    }

    //= test C-2 S3.10-12, S9.18-20
    #[test]
    fn an_object_of_format_1_that_is_too_long_or_comes_twice_is_refused() {
        let objects = [(dict::AIP, Some(2)), (dict::AFL, None)];
        let mut database = Database::new();
        let response = [0x01; 2 + 252];
        assert_eq!(store_format_1(&mut database, &response, &objects), Ok(()));
        assert_eq!(store_format_1(&mut database, &response[..2], &objects), Err(Refused));
        assert_eq!(store_format_1(&mut Database::new(), &[0x01; 2 + 253], &objects), Err(Refused));
    }
}
