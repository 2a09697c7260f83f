//! How much may be approved before the acquirer hears of it.

use emv::fields::Amount;
use jiff::{SignedDuration, Timestamp};

use super::super::money::Currency;
use super::Total;

/// A limit of what is approved offline and not taken by the acquirer yet. What is absent limits nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineLimit {
    /// The scheme whose cards it is for, as the configuration names it; nothing for all cards together.
    pub scheme: Option<String>,
    /// The currency it is for.
    pub currency: Currency,
    /// The most that one transaction may come to.
    pub amount: Option<Amount>,
    /// How many there may be.
    pub count: Option<u32>,
    /// What they may come to together.
    pub sum: Option<Amount>,
    /// How old the oldest may be. While it is older, no other joins it.
    pub age: Option<SignedDuration>,
}

/// An offline approval that there is, or that may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    /// The scheme of its card, or those that it may be of while that is not known.
    pub schemes: Vec<String>,
    /// What it comes to.
    pub amount: Amount,
    /// In this currency.
    pub currency: Currency,
}

impl OfflineLimit {
    /// Whether it is for cards of this scheme in this currency.
    fn covers(&self, scheme: Option<&str>, currency: Currency) -> bool {
        self.currency == currency && self.scheme.as_deref().is_none_or(|own| Some(own) == scheme)
    }

    fn covers_any_of(&self, prospect: &Prospect) -> bool {
        let is_scheme_covered = |scheme: &String| self.covers(Some(scheme), prospect.currency);
        // A card of no scheme is one too.
        prospect.schemes.iter().any(is_scheme_covered)
            || (prospect.schemes.is_empty() && self.covers(None, prospect.currency))
    }

    /// Whether one more approval is within it, beside what is outstanding and what may come of others that are under way.
    pub fn admits(
        &self,
        new: &Prospect,
        totals: impl IntoIterator<Item = Total>,
        under_way: &[Prospect],
        now: Timestamp,
    ) -> bool {
        if !self.covers_any_of(new) {
            return true;
        }
        let (mut count, mut sum, mut oldest) = (1, new.amount.minor_units(), now);
        for total in totals.into_iter().filter(|total| self.covers(total.scheme.as_deref(), total.currency)) {
            count += total.count;
            sum += total.sum;
            oldest = oldest.min(total.oldest);
        }
        for prospect in under_way.iter().filter(|prospect| self.covers_any_of(prospect)) {
            count += 1;
            sum += prospect.amount.minor_units();
        }
        self.amount.is_none_or(|most| new.amount <= most)
            && self.count.is_none_or(|most| count <= u64::from(most))
            && self.sum.is_none_or(|most| sum <= most.minor_units())
            && self.age.is_none_or(|most| now.duration_since(oldest) <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::at;
    use super::*;

    fn euro() -> Currency {
        Currency::from_alpha("EUR").unwrap()
    }

    fn limit(scheme: Option<&str>) -> OfflineLimit {
        let scheme = scheme.map(str::to_owned);
        OfflineLimit { scheme, currency: euro(), amount: None, count: None, sum: None, age: None }
    }

    fn prospect(schemes: &[&str], amount: u32) -> Prospect {
        let schemes = schemes.iter().copied().map(str::to_owned).collect();
        Prospect { schemes, amount: Amount::from(amount), currency: euro() }
    }

    /// Three of Visa for 30.00 since a minute ago.
    fn visa() -> Total {
        Total { scheme: Some("Visa".to_owned()), currency: euro(), count: 3, sum: 3000, oldest: at(0) }
    }

    fn admits(limit: &OfflineLimit, scheme: &str, amount: u32, under_way: &[Prospect]) -> bool {
        limit.admits(&prospect(&[scheme], amount), [visa()], under_way, at(60))
    }

    #[test]
    fn each_bound_admits_up_to_itself_and_no_more() {
        for (limit, admitted, refused) in [
            (OfflineLimit { amount: Some(Amount::from(2000)), ..limit(None) }, 2000, 2001),
            (OfflineLimit { sum: Some(Amount::from(4000)), ..limit(None) }, 1000, 1001),
        ] {
            assert_eq!([admitted, refused].map(|amount| admits(&limit, "Visa", amount, &[])), [true, false]);
        }
        let counted = |count| admits(&OfflineLimit { count: Some(count), ..limit(None) }, "Visa", 1, &[]);
        assert_eq!([counted(4), counted(3)], [true, false]);
        let aged =
            |age| admits(&OfflineLimit { age: Some(SignedDuration::from_secs(age)), ..limit(None) }, "Visa", 1, &[]);
        assert_eq!([aged(60), aged(59)], [true, false]);
    }

    #[test]
    fn a_limit_of_a_scheme_counts_its_cards_alone() {
        let own = OfflineLimit { count: Some(3), ..limit(Some("Visa")) };
        assert_eq!(["Visa", "Mastercard"].map(|scheme| admits(&own, scheme, 1, &[])), [false, true]);
        let others = OfflineLimit { count: Some(1), ..limit(Some("Mastercard")) };
        assert!(admits(&others, "Mastercard", 1, &[]));
        let other_currency =
            OfflineLimit { currency: Currency::from_alpha("USD").unwrap(), count: Some(0), ..limit(None) };
        assert!(admits(&other_currency, "Visa", 1, &[]));
    }

    #[test]
    fn what_is_under_way_counts_for_every_scheme_that_it_may_be_of() {
        let own = OfflineLimit { count: Some(4), ..limit(Some("Visa")) };
        for (schemes, is_admitted) in [(&["Visa", "Mastercard"][..], false), (&["Mastercard"], true)] {
            assert_eq!(admits(&own, "Visa", 1, &[prospect(schemes, 500)]), is_admitted, "{schemes:?}");
        }
        let together = OfflineLimit { sum: Some(Amount::from(4000)), ..limit(None) };
        assert!(admits(&together, "Visa", 500, &[prospect(&["Mastercard"], 500)]));
        assert!(!admits(&together, "Visa", 501, &[prospect(&["Mastercard"], 500)]));
    }
}
