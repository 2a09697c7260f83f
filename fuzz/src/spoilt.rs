//! Answers of a card that are not what they should be: objects that are missing, double, of other values, lengths or
//! places.

use emv::dict;
use emv::tlv::{Tag, Tlvs, Writer};

use super::choices::Choices;

/// A data object, opened where it is a template.
enum Object {
    Primitive(Tag, Vec<u8>),
    Template(Tag, Vec<Object>),
}

fn tree(objects: Tlvs<'_>) -> Vec<Object> {
    let opened = objects.iter().map(|object| match object.tag.is_constructed() {
        true => Object::Template(object.tag, tree(object.children())),
        false => Object::Primitive(object.tag, object.value.to_vec()),
    });
    opened.collect()
}

fn write(objects: &[Object], writer: &mut Writer) {
    for object in objects {
        match object {
            Object::Primitive(tag, value) => writer.put(*tag, value),
            Object::Template(tag, objects) => writer.template(*tag, |inner| write(objects, inner)),
        };
    }
}

/// Does something to one of these objects, or to one in a template among them.
fn spoil_one(choices: &mut Choices<'_>, objects: &mut Vec<Object>) {
    let place = choices.below(objects.len());
    let opens = !choices.byte().is_multiple_of(4);
    match objects.get_mut(place) {
        Some(Object::Template(_, inner)) if opens && !inner.is_empty() => return spoil_one(choices, inner),
        Some(_) => {}
        None => return,
    }
    match choices.byte() % 6 {
        0 => drop(objects.remove(place)),
        1 => {
            let copy = match &objects[place] {
                Object::Primitive(tag, value) => Object::Primitive(*tag, value.clone()),
                Object::Template(tag, _) => Object::Template(*tag, Vec::new()),
            };
            objects.push(copy);
        }
        2 => {
            let other = choices.below(objects.len());
            objects.swap(place, other);
        }
        3 => {
            let known = dict::OBJECTS[choices.below(dict::OBJECTS.len())].tag;
            objects.insert(place, Object::Primitive(known, choices.bytes().to_vec()));
        }
        4 => match &mut objects[place] {
            Object::Primitive(_, value) => *value = choices.bytes().to_vec(),
            Object::Template(_, inner) => inner.clear(),
        },
        _ => match &mut objects[place] {
            Object::Primitive(_, value) => spoil_bytes(choices, value),
            Object::Template(_, inner) => inner.reverse(),
        },
    }
}

/// Changes a byte, cuts the end off or adds one.
pub fn spoil_bytes(choices: &mut Choices<'_>, bytes: &mut Vec<u8>) {
    let place = choices.below(bytes.len());
    match (choices.byte() % 3, bytes.get_mut(place)) {
        (0, Some(byte)) => *byte ^= choices.byte().max(1),
        (1, Some(_)) => bytes.truncate(place),
        _ => bytes.extend(choices.bytes()),
    }
}

/// The answer, or what these choices make of it; nothing where the card gives none.
pub fn spoil(choices: &mut Choices<'_>, mut answer: Vec<u8>) -> Option<Vec<u8>> {
    let how = choices.byte();
    match how % 16 {
        1..=4 => {
            let data = &answer[..answer.len().saturating_sub(2)];
            let Ok(objects) = Tlvs::parse(data) else { return Some(answer) };
            let mut objects = tree(objects);
            for _ in 0..how % 16 {
                spoil_one(choices, &mut objects);
            }
            let mut writer = Writer::new();
            write(&objects, &mut writer);
            let mut spoilt = writer.into_bytes();
            spoilt.extend([0x90, 0x00]);
            Some(spoilt)
        }
        5 => {
            spoil_bytes(choices, &mut answer);
            Some(answer)
        }
        6 => Some(choices.bytes().to_vec()),
        7 => {
            let length = answer.len().saturating_sub(2);
            answer.truncate(length);
            answer.extend([choices.byte(), choices.byte()]);
            Some(answer)
        }
        8 => Some(vec![choices.byte(), choices.byte()]),
        9 => None,
        _ => Some(answer),
    }
}
