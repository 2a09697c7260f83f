//! What callers put into `a{sv}` arguments.

use std::collections::HashMap;

use emv::fields::Amount;
use zbus::{OwnedVariant, Variant};

use super::Error;
use crate::receipt::Recipient;
use crate::receipt::text::Columns;
use crate::terminal::{
    self, Currency, Fault, FollowUp, MoneyError, OnlineMode, Request, RequestError, Token, TransactionType,
};

/// The options of one call. Each is taken once; what is left over at the end is an error, since a
/// misspelt key must not be taken for a missing one.
pub(super) struct Options(HashMap<String, OwnedVariant>);

/// What a caller asks for.
pub(super) enum Asked {
    /// A transaction with a card.
    New(Request),
    /// A follow-up of an earlier one.
    FollowUp(FollowUp),
}

/// How a receipt is written.
pub(super) enum ReceiptFormat {
    /// For a printer of this width.
    Text { columns: Columns },
    /// For a program.
    Json,
}

impl Options {
    pub(super) fn new(options: HashMap<String, OwnedVariant>) -> Self {
        Options(options)
    }

    fn take<T>(
        &mut self,
        key: &str,
        kind: &str,
        read: impl FnOnce(&Variant<'_>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.0.remove(key) else { return Ok(None) };
        match read(&value) {
            Some(read) => Ok(Some(read)),
            None => {
                let found = value.value_signature();
                Err(Error::invalid_argument(format!("`{key}` must be {kind}, not a value of type `{found}`")))
            }
        }
    }

    pub(super) fn string(&mut self, key: &str) -> Result<Option<String>, Error> {
        self.take(key, "a string", |value| match value {
            Variant::Str(text) => Some(text.to_string()),
            _ => None,
        })
    }

    fn boolean(&mut self, key: &str) -> Result<Option<bool>, Error> {
        self.take(key, "a boolean", |value| match value {
            Variant::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    pub(super) fn unsigned(&mut self, key: &str) -> Result<Option<u32>, Error> {
        self.take(key, "a number of at least 0", |value| integer(value)?.try_into().ok())
    }

    pub(super) fn token(&mut self, key: &str) -> Result<Option<Token>, Error> {
        Ok(self.string(key)?.map(|text| text.parse::<Token>()).transpose()?)
    }

    /// An amount: a number of minor units of any integer type, or a decimal as a string.
    fn amount(&mut self, key: &str, currency: Currency) -> Result<Option<Amount>, Error> {
        let kind = "a number of minor units, or a decimal as a string";
        let amount = self.take(key, kind, |value| match value {
            Variant::Str(text) => Some(currency.parse(text)),
            number => Some(match integer(number)? {
                negative if negative < 0 => Err(MoneyError::Negative),
                minor => u64::try_from(minor).map_err(|_| MoneyError::TooLarge).and_then(terminal::amount),
            }),
        })?;
        Ok(amount.transpose()?)
    }

    fn required<T>(value: Option<T>, key: &str) -> Result<T, Error> {
        value.ok_or_else(|| Error::invalid_argument(format!("`{key}` is missing")))
    }

    /// What these options ask for. Where they name an original, amount and currency may be left to it.
    pub(super) fn asked(mut self) -> Result<Asked, Error> {
        let token = Self::required(self.token("token")?, "token")?;
        let kind = match self.string("type")? {
            None => TransactionType::Purchase,
            Some(name) => TransactionType::from_name(&name).ok_or_else(|| {
                let names = TransactionType::ALL.map(|(.., name)| name).join(", ");
                Error::invalid_argument(format!("`type` is `{name}`, which is none of {names}"))
            })?,
        };
        if let Some(original) = self.token("original")? {
            return self.follow_up(token, kind, original).map(Asked::FollowUp);
        }
        if !kind.can_have_card() {
            return Err(Error::invalid_argument(format!(
                "`original` is missing: of which transaction is the {}?",
                kind.name()
            )));
        }
        let currency = Currency::from_alpha(&Self::required(self.string("currency")?, "currency")?)?;
        let amount = self.amount("amount", currency)?;
        let request = Request {
            token,
            kind,
            original: None,
            amount: if kind.is_inquiry() { amount.unwrap_or_default() } else { Self::required(amount, "amount")? },
            amount_other: self.amount("amount_other", currency)?,
            currency,
            reader: self.string("reader")?,
            reference: self.string("reference")?,
            accept_partial: self.boolean("accept_partial")?.unwrap_or(false),
            online: self.online()?,
        };
        self.finish()?;
        request.validate().map_err(|error: RequestError| Fault::from(error))?;
        Ok(Asked::New(request))
    }

    fn online(&mut self) -> Result<OnlineMode, Error> {
        let Some(name) = self.string("online")? else { return Ok(OnlineMode::default()) };
        OnlineMode::from_name(&name).ok_or_else(|| {
            let names = OnlineMode::ALL.map(|(_, name)| name).join(", ");
            Error::invalid_argument(format!("`online` is `{name}`, which is none of {names}"))
        })
    }

    fn follow_up(mut self, token: Token, kind: TransactionType, original: Token) -> Result<FollowUp, Error> {
        let currency = self.string("currency")?.map(|alpha| Currency::from_alpha(&alpha)).transpose()?;
        let (amount, total) = match currency {
            Some(currency) => (self.amount("amount", currency)?, self.amount("total", currency)?),
            None if self.0.contains_key("amount") || self.0.contains_key("total") => {
                return Err(Error::invalid_argument("`currency` is missing: an amount has one"));
            }
            None => (None, None),
        };
        let reference = self.string("reference")?;
        self.finish()?;
        Ok(FollowUp { token, kind, original, amount, total, currency, reference })
    }

    /// For whom a receipt is, and how it is written.
    pub(super) fn receipt(mut self) -> Result<(Recipient, ReceiptFormat), Error> {
        let copy = match self.string("copy")?.as_deref() {
            None | Some("customer") => Recipient::Customer,
            Some("merchant") => Recipient::Merchant,
            Some(other) => {
                return Err(Error::invalid_argument(format!("`copy` is `{other}`, not customer or merchant")));
            }
        };
        let columns = match self.unsigned("columns")? {
            None => Columns::default(),
            Some(number) => usize::try_from(number)
                .ok()
                .and_then(Columns::from_number)
                .ok_or_else(|| Error::invalid_argument("`columns` must be 32, 42 or 48"))?,
        };
        let format = match self.string("format")?.as_deref() {
            None | Some("text") => ReceiptFormat::Text { columns },
            Some("json") => ReceiptFormat::Json,
            Some(other) => return Err(Error::invalid_argument(format!("`format` is `{other}`, not text or json"))),
        };
        self.finish()?;
        Ok((copy, format))
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        match self.0.into_keys().min() {
            None => Ok(()),
            Some(key) => Err(Error::invalid_argument(format!("unknown key `{key}`"))),
        }
    }
}

/// The value of any of D-Bus's integer types.
fn integer(value: &Variant<'_>) -> Option<i128> {
    Some(match value {
        Variant::U8(number) => (*number).into(),
        Variant::I16(number) => (*number).into(),
        Variant::U16(number) => (*number).into(),
        Variant::I32(number) => (*number).into(),
        Variant::U32(number) => (*number).into(),
        Variant::I64(number) => (*number).into(),
        Variant::U64(number) => (*number).into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(options: &[(&str, Variant<'static>)]) -> Result<Request, String> {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.try_to_owned().unwrap())).collect();
        match Options::new(options).asked() {
            Ok(Asked::New(request)) => Ok(request),
            Ok(Asked::FollowUp(follow_up)) => panic!("{follow_up:?} without an original"),
            Err(error) => Err(error.to_string()),
        }
    }

    fn sale(amount: Variant<'static>) -> Vec<(&'static str, Variant<'static>)> {
        vec![("token", "t-1".into()), ("currency", "EUR".into()), ("amount", amount)]
    }

    #[test]
    fn amounts_are_minor_units_of_any_integer_type_or_decimals() {
        for amount in [Variant::from(1250u32), 1250i64.into(), 1250u64.into(), 1250i32.into(), "12.50".into()] {
            assert_eq!(request(&sale(amount)).unwrap().amount.minor_units(), 1250);
        }
    }

    #[test]
    fn amounts_that_are_none_are_refused() {
        for amount in [Variant::from(-1i64), u64::MAX.into(), "-1.00".into(), "1.234".into(), true.into(), 0u32.into()]
        {
            assert!(request(&sale(amount.try_clone().unwrap())).is_err(), "{amount:?}");
        }
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_it() {
        let mut options = sale(1250u32.into());
        options.push(("referense", "lunch".into()));
        assert_eq!(request(&options).unwrap_err(), "unknown key `referense` (retry: never)");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(request(&sale(1u32.into())[1..]).unwrap_err(), "`token` is missing (retry: never)");
    }
}
