//! How much is outstanding.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::money::Currency;
use super::{Outstanding, Place};

/// What is outstanding of a scheme in a currency. Refunds count as sales do: each moves money that the acquirer has yet to
/// hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The card scheme, as the configuration names it; nothing for cards of none.
    pub scheme: Option<String>,
    /// The currency of the sum.
    pub currency: Currency,
    /// How many there are.
    pub count: u64,
    /// What they come to, in minor units.
    pub sum: u64,
    /// When the oldest was approved.
    pub oldest: Timestamp,
}

/// Totals that follow what comes and goes.
#[derive(Debug, Default)]
pub(super) struct Totals(Vec<Group>);

/// The items of a scheme in a currency.
#[derive(Debug)]
struct Group {
    scheme: Option<String>,
    currency: Currency,
    sum: u64,
    /// Where they stand, and when each was approved.
    items: BTreeSet<(Place, Timestamp)>,
}

impl Totals {
    pub(super) fn add(&mut self, place: Place, item: &Outstanding) {
        let group = match self.0.iter_mut().position(|group| group.is_of(item)) {
            Some(index) => &mut self.0[index],
            None => {
                let (scheme, currency) = (item.scheme.clone(), item.currency);
                self.0.push(Group { scheme, currency, sum: 0, items: BTreeSet::new() });
                self.0.last_mut().expect("it was just pushed")
            }
        };
        group.sum += item.amount.minor_units();
        group.items.insert((place, item.since));
    }

    pub(super) fn subtract(&mut self, place: Place, item: &Outstanding) {
        if let Some(group) = self.0.iter_mut().find(|group| group.is_of(item))
            && group.items.remove(&(place, item.since))
        {
            group.sum -= item.amount.minor_units();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Total> {
        self.0.iter().filter_map(|group| {
            let (_, oldest) = *group.items.first()?;
            let (scheme, currency) = (group.scheme.clone(), group.currency);
            Some(Total { scheme, currency, count: group.items.len() as u64, sum: group.sum, oldest })
        })
    }
}

impl Group {
    fn is_of(&self, item: &Outstanding) -> bool {
        self.scheme == item.scheme && self.currency == item.currency
    }
}
