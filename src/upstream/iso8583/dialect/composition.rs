//! Composed fields: what hosts put side by side into one field, such as message kind, batch number and network
//! management code in field 60.

use std::fmt;
use std::str::FromStr;

use super::Element;

/// What stands in a composed field: text as it is, and data elements by name in braces, `22{batch_number}000`. A width
/// after the name fills a number with zeros on the left: `{stan:8}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Element { element: Element, width: Option<usize> },
}

/// A text that is no composition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidComposition {
    /// A brace without the other.
    #[error("`{0}` is no composition: an element's name stands between {{ and }}")]
    Braces(String),
    /// A width that is none.
    #[error("`{0}` is no width: 1 to 99 is")]
    Width(String),
    /// A name that is no element's.
    #[error(transparent)]
    NoSuchElement(#[from] super::NoSuchElement),
    /// Nothing stands in it.
    #[error("a composition has something in it")]
    Empty,
}

impl FromStr for Composition {
    type Err = InvalidComposition;

    fn from_str(text: &str) -> Result<Self, InvalidComposition> {
        let braces = || InvalidComposition::Braces(text.to_owned());
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (before, after) = rest.split_once('{').map_or((rest, None), |(before, after)| (before, Some(after)));
            if before.contains('}') {
                return Err(braces());
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let Some(after) = after else { break };
            let (inside, after) = after.split_once('}').ok_or_else(braces)?;
            parts.push(Part::element(inside)?);
            rest = after;
        }
        if parts.is_empty() { Err(InvalidComposition::Empty) } else { Ok(Self(parts)) }
    }
}

impl Part {
    /// What stands between two braces.
    fn element(text: &str) -> Result<Self, InvalidComposition> {
        let (name, width) = text.split_once(':').map_or((text, None), |(name, width)| (name, Some(width)));
        let width = width.map(|digits| {
            let width = digits.parse().ok().filter(|width| (1..=99).contains(width));
            width.ok_or_else(|| InvalidComposition::Width(digits.to_owned()))
        });
        let element = Element::try_from(name.to_owned())?;
        Ok(Self::Element { element, width: width.transpose()?.or(element.width()) })
    }
}

impl Composition {
    /// The elements in it, in their order.
    pub fn elements(&self) -> impl Iterator<Item = Element> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Element { element, .. } => Some(*element),
        })
    }

    /// The text, with these values for its elements; nothing where one has none, or is longer than its place.
    pub fn compose(&self, value: impl Fn(Element) -> Option<String>) -> Option<String> {
        self.0.iter().try_fold(String::new(), |composed, part| match part {
            Part::Text(text) => Some(composed + text),
            Part::Element { element, width } => {
                let value = value(*element)?;
                let width = width.unwrap_or(value.len());
                (value.len() <= width).then(|| format!("{composed}{value:0>width$}"))
            }
        })
    }

    /// The text of its elements' places, each digit of a number as a zero, for a look at whether a field may hold it.
    pub(super) fn sample(&self) -> String {
        self.compose(|element| Some("0".repeat(element.width().unwrap_or(1)))).unwrap_or_default()
    }
}

impl fmt::Display for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Element { element, width } if *width == element.width() => write!(f, "{{{element}}}"),
            Part::Element { element, width } => write!(f, "{{{element}:{}}}", width.unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composition(text: &str) -> Composition {
        text.parse().unwrap()
    }

    fn value(element: Element) -> Option<String> {
        match element {
            Element::BatchNumber => Some("000007".to_owned()),
            Element::Stan => Some("000012".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn texts_and_elements_stand_side_by_side() {
        assert_eq!(composition("22{batch_number}000").compose(value).as_deref(), Some("22000007000"));
        assert_eq!(composition("{stan:8}x").compose(value).as_deref(), Some("00000012x"));
        assert_eq!(composition("only text").compose(value).as_deref(), Some("only text"));
        assert_eq!(composition("{batch_number}{original_stan}").compose(value), None, "nobody knows the STAN");
        assert_eq!(composition("{stan:5}").compose(value), None, "six digits have no room");
    }

    #[test]
    fn a_composition_reads_as_it_is_written() {
        for text in ["22{batch_number}000", "{stan:8}{batch_number}0", "text"] {
            assert_eq!(composition(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_composition_is_refused() {
        for text in ["", "{", "}", "{stan", "a}b", "{stan:0}", "{stan:x}", "{stan:100}", "{colour}", "{}"] {
            assert!(text.parse::<Composition>().is_err(), "{text}");
        }
    }
}
