//! When a rule of the CVM List applies (EMV Book 3, 10.5 and Annex C3).

use crate::fields::{Amount, CvmCondition, CvmList};

/// What the conditions of a CVM List look at.
#[derive(Debug, Clone, Copy)]
pub struct CvmTransaction {
    /// Amount, Authorised.
    pub amount: Amount,
    /// Whether the transaction is in the application currency; unknown where the card doesn't name it.
    pub in_application_currency: Option<bool>,
    /// Transaction Type, as in `9C`.
    pub transaction_type: u8,
    /// Whether somebody attends the terminal.
    pub attended: bool,
}

impl CvmTransaction {
    /// Whether a condition holds. `supported` says whether the terminal supports the method of its
    /// rule. A condition that nobody defined, or whose data are not there, doesn't hold.
    pub fn meets(&self, condition: CvmCondition, list: &CvmList, supported: bool) -> bool {
        let cash = matches!(self.transaction_type, 0x01 | 0x17);
        let cashback = self.transaction_type == 0x09;
        let in_currency = self.in_application_currency == Some(true);
        match condition {
            CvmCondition::Always => true,
            CvmCondition::UnattendedCash => cash && !self.attended,
            CvmCondition::NoCashNorCashback => !cash && !cashback,
            CvmCondition::TerminalSupportsCvm => supported,
            CvmCondition::ManualCash => cash && self.attended,
            CvmCondition::Cashback => cashback,
            CvmCondition::UnderX => in_currency && self.amount < list.x(),
            CvmCondition::OverX => in_currency && self.amount > list.x(),
            CvmCondition::UnderY => in_currency && self.amount < list.y(),
            CvmCondition::OverY => in_currency && self.amount > list.y(),
            CvmCondition::Unrecognised(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURCHASE: CvmTransaction = CvmTransaction {
        amount: Amount::ZERO,
        in_application_currency: Some(true),
        transaction_type: 0x00,
        attended: true,
    };

    fn list() -> CvmList {
        CvmList::from_bytes(&[0, 0, 0, 100, 0, 0, 0, 200, 0x1F, 0x00]).unwrap()
    }

    fn purchase_of(minor_units: u64) -> CvmTransaction {
        CvmTransaction { amount: Amount::new(minor_units).unwrap(), ..PURCHASE }
    }

    #[test]
    fn amounts_are_compared_strictly_and_only_in_the_application_currency() {
        use CvmCondition::*;
        for (amount, met) in [
            (99, [true, false, true, false]),
            (100, [false, false, true, false]),
            (101, [false, true, true, false]),
            (200, [false, true, false, false]),
            (201, [false, true, false, true]),
        ] {
            let transaction = purchase_of(amount);
            assert_eq!([UnderX, OverX, UnderY, OverY].map(|c| transaction.meets(c, &list(), true)), met, "{amount}");
            for other in [Some(false), None] {
                let elsewhere = CvmTransaction { in_application_currency: other, ..transaction };
                assert_eq!([UnderX, OverX, UnderY, OverY].map(|c| elsewhere.meets(c, &list(), true)), [false; 4]);
            }
        }
    }

    #[test]
    fn cash_and_cashback_conditions_look_at_the_transaction_type() {
        use CvmCondition::*;
        let met = |transaction_type, attended| {
            let transaction = CvmTransaction { transaction_type, attended, ..PURCHASE };
            [UnattendedCash, NoCashNorCashback, ManualCash, Cashback].map(|c| transaction.meets(c, &list(), true))
        };
        assert_eq!(met(0x00, true), [false, true, false, false]);
        assert_eq!(met(0x01, true), [false, false, true, false]);
        assert_eq!(met(0x01, false), [true, false, false, false]);
        assert_eq!(met(0x17, true), [false, false, true, false]);
        assert_eq!(met(0x09, true), [false, false, false, true]);
        assert_eq!(met(0x20, true), [false, true, false, false]);
    }

    #[test]
    fn support_is_asked_for_by_one_condition_alone() {
        assert!(PURCHASE.meets(CvmCondition::TerminalSupportsCvm, &list(), true));
        assert!(!PURCHASE.meets(CvmCondition::TerminalSupportsCvm, &list(), false));
        assert!(PURCHASE.meets(CvmCondition::Always, &list(), false));
        assert!(!PURCHASE.meets(CvmCondition::Unrecognised(0x0A), &list(), true));
    }
}
