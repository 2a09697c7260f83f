//! Data object lists as the card has them, and the values it gets for one.

use emv::tlv::Tag;

/// A data object list: what the card asks for, and in which lengths (EMV Book 3, 5.4).
pub(super) type List = &'static [(Tag, u8)];

/// The list that asks for nothing.
pub(super) const NOTHING: List = &[];

/// The list as it stands in a record or in the FCI.
pub(super) fn encode(list: List) -> Vec<u8> {
    list.iter()
        .flat_map(|(tag, length)| {
            let bytes = tag.number().to_be_bytes();
            bytes.into_iter().skip(4 - tag.encoded_length()).chain([*length])
        })
        .collect()
}

/// How many bytes a list asks for.
fn length(list: List) -> usize {
    list.iter().map(|(_, length)| usize::from(*length)).sum()
}

/// The values the terminal sent for a list.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    list: List,
    data: &'a [u8],
}

impl<'a> Values<'a> {
    /// The values in `data`; nothing where `data` has another length than the list asks for.
    pub(super) fn parse(list: List, data: &'a [u8]) -> Option<Self> {
        Self::split(list, data).filter(|(_, rest)| rest.is_empty()).map(|(values, _)| values)
    }

    /// The values that `data` begins with, and what follows them; nothing where `data` is shorter than the list asks
    /// for.
    pub(super) fn split(list: List, data: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (data, rest) = data.split_at_checked(length(list))?;
        Some((Values { list, data }, rest))
    }

    /// The values in `data`, of which the last may be shorter than the list asks for.
    pub(super) fn parse_open_ended(list: List, data: &'a [u8]) -> Option<Self> {
        let (_, whole) = list.split_last()?;
        (length(whole)..=length(list)).contains(&data.len()).then_some(Values { list, data })
    }

    /// The value for an object, where the list asks for it.
    pub(super) fn find(&self, tag: Tag) -> Option<&'a [u8]> {
        let mut rest = self.data;
        for (listed, length) in self.list {
            let (value, after) = rest.split_at(usize::from(*length).min(rest.len()));
            if *listed == tag {
                return Some(value);
            }
            rest = after;
        }
        None
    }

    /// The value for an object that the list asks for in just this length.
    ///
    /// # Panics
    /// If the list does not: the card's lists are constants.
    pub(super) fn array<const N: usize>(&self, tag: Tag) -> [u8; N] {
        self.find(tag).and_then(|value| value.try_into().ok()).expect("an object of the card's own list")
    }

    /// All values, as they were sent.
    pub(super) fn as_bytes(&self) -> &'a [u8] {
        self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emv::dict;

    const LIST: List = &[(dict::TTQ, 4), (dict::TRANSACTION_TYPE, 1)];

    #[test]
    fn a_list_is_written_and_its_values_are_found() {
        assert_eq!(encode(LIST), [0x9F, 0x66, 0x04, 0x9C, 0x01]);
        let values = Values::parse(LIST, &[1, 2, 3, 4, 5]).unwrap();
        assert_eq!(values.find(dict::TRANSACTION_TYPE), Some(&[5][..]));
        assert_eq!(values.array(dict::TTQ), [1, 2, 3, 4]);
        assert_eq!(values.find(dict::TVR), None);
        assert!(Values::parse(LIST, &[1, 2, 3, 4]).is_none());
        assert!(Values::parse(LIST, &[1, 2, 3, 4, 5, 6]).is_none());
    }

    #[test]
    fn what_follows_a_list_is_split_off_and_its_last_value_may_be_shorter() {
        let (values, rest) = Values::split(LIST, &[1, 2, 3, 4, 5, 6, 7]).unwrap();
        assert_eq!((values.as_bytes(), rest), (&[1, 2, 3, 4, 5][..], &[6, 7][..]));
        let open_ended: List = &[(dict::TRANSACTION_TYPE, 1), (dict::DS_ODS_TERM, 3)];
        let found = |data: &[u8]| Some(Values::parse_open_ended(open_ended, data)?.find(dict::DS_ODS_TERM)?.to_vec());
        assert_eq!(found(&[1, 2, 3]), Some(vec![2, 3]));
        assert_eq!(found(&[1]), Some(vec![]));
        assert_eq!((found(&[]), found(&[1, 2, 3, 4, 5])), (None, None));
    }
}
