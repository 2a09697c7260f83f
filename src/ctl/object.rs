//! The properties of one object on the bus, as plain data.

use std::collections::HashMap;

use emv::fields::Amount;
use serde::Serialize;
use serde_json::{Map, Value};
use zbus::{OwnedVariant, Variant};

use crate::terminal::Currency;

/// Properties as they travel in D-Bus messages.
pub(super) type Properties = HashMap<String, OwnedVariant>;

/// What is known of an object. As JSON it has the names of D-Bus in snake case; what tenderctl has
/// never heard of, from a newer daemon, is there as well.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Object(Map<String, Value>);

impl From<Properties> for Object {
    fn from(properties: Properties) -> Self {
        let mut object = Object::default();
        object.merge(properties);
        object
    }
}

impl Object {
    /// Takes in what has changed.
    pub fn merge(&mut self, changed: Properties) {
        self.0.extend(changed.into_iter().map(|(name, value)| (snake_case(&name), json(&value))));
    }

    /// A text; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A number; 0 where there is none.
    pub fn number(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or_default()
    }

    /// A flag; false where there is none.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// An amount with the object's currency, such as `12.50 EUR`.
    pub fn money(&self, name: &str) -> String {
        let (minor_units, alpha) = (self.number(name), self.text("currency"));
        match (Amount::new(minor_units), Currency::from_alpha(alpha)) {
            (Ok(amount), Ok(currency)) => format!("{} {currency}", currency.decimal(amount)),
            // A currency that only a newer daemon knows: better than a wrong decimal point.
            _ => format!("{minor_units} minor units {alpha}"),
        }
    }

    /// The objects of a list; none where there is no list.
    pub fn objects(&self, name: &str) -> Vec<Object> {
        let list = self.0.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(|object| Some(Object(object.as_object()?.clone()))).collect()
    }

    /// The properties of these names alone.
    pub fn only(&self, names: &[&str]) -> Self {
        let pick = |name: &&str| Some(((*name).to_owned(), self.0.get(*name)?.clone()));
        Object(names.iter().filter_map(pick).collect())
    }

    /// The same with one more value.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}

/// `CashierMessage` as `cashier_message`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

fn json(value: &Variant<'_>) -> Value {
    match value {
        Variant::Str(text) => text.as_str().into(),
        Variant::ObjectPath(path) => path.as_str().into(),
        Variant::Bool(flag) => (*flag).into(),
        Variant::U8(number) => (*number).into(),
        Variant::U16(number) => (*number).into(),
        Variant::U32(number) => (*number).into(),
        Variant::U64(number) => (*number).into(),
        Variant::I16(number) => (*number).into(),
        Variant::I32(number) => (*number).into(),
        Variant::I64(number) => (*number).into(),
        Variant::Array(array) => array.inner().iter().map(json).collect(),
        Variant::Dict(dict) => {
            let entry = |(key, value): (&Variant<'_>, &Variant<'_>)| match key {
                Variant::Str(key) => Some((key.to_string(), json(value))),
                _ => None,
            };
            Value::Object(dict.iter().filter_map(entry).collect())
        }
        Variant::Variant(inner) => json(inner),
        // The interfaces have no other types.
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(properties: &[(&str, Variant<'static>)]) -> Object {
        let owned = |(name, value): &(&str, Variant<'static>)| ((*name).to_owned(), value.try_to_owned().unwrap());
        Object::from(properties.iter().map(owned).collect::<Properties>())
    }

    #[test]
    fn properties_become_json_with_names_in_snake_case() {
        let object =
            object(&[("CashierMessage", "Done".into()), ("Stan", 7u32.into()), ("ReaderService", true.into())]);
        let json = serde_json::to_value(&object).unwrap();
        assert_eq!(json, serde_json::json!({"cashier_message": "Done", "stan": 7, "reader_service": true}));
    }

    #[test]
    fn an_amount_has_as_many_decimals_as_its_currency() {
        let money = |currency: &'static str| {
            object(&[("Amount", 1250u64.into()), ("Currency", currency.into())]).money("amount")
        };
        assert_eq!(money("EUR"), "12.50 EUR");
        assert_eq!(money("JPY"), "1250 JPY");
        assert_eq!(money("XXX"), "1250 minor units XXX");
    }

    #[test]
    fn a_change_leaves_the_rest_as_it_was() {
        let mut object = object(&[("State", "armed".into()), ("Token", "t1".into())]);
        object.merge([("State".to_owned(), Variant::from("done").try_to_owned().unwrap())].into());
        assert_eq!((object.text("state"), object.text("token")), ("done", "t1"));
    }
}
