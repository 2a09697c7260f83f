//! An answer, read by data element and not by field.

use super::failure::MalformedAnswer;
use super::iso8583::{Dialect, Element, Message};
use super::response_code::ResponseCode;

/// An answer in a dialect.
#[derive(Clone, Copy)]
pub(super) struct Answered<'a> {
    message: &'a Message,
    dialect: &'a Dialect,
}

impl<'a> Answered<'a> {
    pub(super) fn new(message: &'a Message, dialect: &'a Dialect) -> Self {
        Self { message, dialect }
    }

    /// The bytes of an element.
    pub(super) fn bytes(&self, element: Element) -> Option<&'a [u8]> {
        self.message.bytes(self.dialect.field_of(element)?)
    }

    /// The characters of an element, without the spaces that fill it; nothing where there are none.
    pub(super) fn text(&self, element: Element) -> Option<&'a str> {
        self.message.text(self.dialect.field_of(element)?).filter(|text| !text.is_empty())
    }

    /// An element read as a decimal number.
    pub(super) fn number(&self, element: Element) -> Option<u64> {
        self.message.number(self.dialect.field_of(element)?)
    }

    /// What the host says.
    pub(super) fn response_code(&self) -> Result<ResponseCode, MalformedAnswer> {
        let code = self.bytes(Element::ResponseCode).and_then(|code| std::str::from_utf8(code).ok());
        code.and_then(|code| ResponseCode::new(self.dialect.response_code(self.message.mti, code).as_bytes()))
            .ok_or_else(|| self.without(Element::ResponseCode))
    }

    /// That an element is missing, or makes no sense.
    pub(super) fn without(&self, element: Element) -> MalformedAnswer {
        MalformedAnswer::Field(self.dialect.field_of(element).unwrap_or_default())
    }
}
