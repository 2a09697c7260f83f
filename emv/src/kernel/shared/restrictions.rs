//! Processing restrictions: what the issuer lets the application be used for
//! (EMV Book 3, 10.4.2).

use crate::fields::{AdditionalTerminalCapabilities, Auc, TerminalType};

/// What a transaction is, by its Transaction Type (`9C`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionKind {
    /// Goods or services, with or without cashback.
    Purchase,
    /// Cash.
    Cash,
    /// Anything else.
    Other,
}

impl TransactionKind {
    /// The kind of a Transaction Type: the first two digits of the processing code of ISO 8583.
    pub const fn of(transaction_type: u8) -> Self {
        match transaction_type {
            0x00 | 0x09 => TransactionKind::Purchase,
            0x01 | 0x17 => TransactionKind::Cash,
            _ => TransactionKind::Other,
        }
    }
}

/// What is asked of the application.
#[derive(Debug, Clone, Copy)]
pub struct ServiceRequest {
    /// What the transaction is.
    pub kind: TransactionKind,
    /// Whether part of the amount is cashback.
    pub cashback: bool,
    /// Whether the terminal is an ATM.
    pub at_atm: bool,
    /// Whether issuer and terminal are of the same country; unknown where the card doesn't say.
    pub domestic: Option<bool>,
}

impl ServiceRequest {
    /// Whether a terminal is an ATM: unattended, run by a financial institution, giving cash
    /// (EMV Book 3, 10.4.2).
    pub fn is_atm(terminal_type: u8, capabilities: AdditionalTerminalCapabilities) -> bool {
        use crate::fields::OperationalControl::FinancialInstitution;
        TerminalType::new(terminal_type).is_ok_and(|terminal| {
            terminal.operational_control() == FinancialInstitution && !terminal.environment().attended
        }) && capabilities.has(AdditionalTerminalCapabilities::CASH)
    }
}

/// Whether the Application Usage Control allows it.
//= C-2 PRE.10-13, PRE.14-19, PRE.20-24, PRE.25-29
pub fn is_service_allowed(auc: Auc, request: &ServiceRequest) -> bool {
    let place = if request.at_atm { Auc::ATMS } else { Auc::TERMINALS_OTHER_THAN_ATMS };
    if !auc.has(place) {
        return false;
    }
    let Some(domestic) = request.domestic else { return true };
    let either = |at_home, abroad| auc.has(if domestic { at_home } else { abroad });
    let service = match request.kind {
        TransactionKind::Cash => either(Auc::DOMESTIC_CASH, Auc::INTERNATIONAL_CASH),
        TransactionKind::Purchase => {
            either(Auc::DOMESTIC_GOODS, Auc::INTERNATIONAL_GOODS)
                || either(Auc::DOMESTIC_SERVICES, Auc::INTERNATIONAL_SERVICES)
        }
        TransactionKind::Other => true,
    };
    let cashback = !request.cashback || either(Auc::DOMESTIC_CASHBACK, Auc::INTERNATIONAL_CASHBACK);
    service && cashback
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURCHASE: ServiceRequest =
        ServiceRequest { kind: TransactionKind::Purchase, cashback: false, at_atm: false, domestic: Some(true) };

    fn shops() -> Auc {
        Auc::default().with(Auc::TERMINALS_OTHER_THAN_ATMS)
    }

    //= test C-2 PRE.10-13, PRE.14-19
    #[test]
    fn the_place_is_looked_at_even_where_the_country_is_unknown() {
        let anywhere = ServiceRequest { domestic: None, ..PURCHASE };
        assert!(is_service_allowed(shops(), &anywhere));
        assert!(!is_service_allowed(Auc::default(), &anywhere));
        assert!(!is_service_allowed(shops(), &ServiceRequest { at_atm: true, ..anywhere }));
        assert!(is_service_allowed(Auc::default().with(Auc::ATMS), &ServiceRequest { at_atm: true, ..anywhere }));
    }

    //= test C-2 PRE.20-24
    #[test]
    fn goods_or_services_will_do_for_a_purchase() {
        let abroad = ServiceRequest { domestic: Some(false), ..PURCHASE };
        for (bit, request) in [
            (Auc::DOMESTIC_GOODS, PURCHASE),
            (Auc::DOMESTIC_SERVICES, PURCHASE),
            (Auc::INTERNATIONAL_GOODS, abroad),
            (Auc::INTERNATIONAL_SERVICES, abroad),
        ] {
            assert!(is_service_allowed(shops().with(bit), &request));
            let elsewhere = ServiceRequest { domestic: request.domestic.map(|domestic| !domestic), ..request };
            assert!(!is_service_allowed(shops().with(bit), &elsewhere));
        }
    }

    //= test C-2 PRE.14-19, PRE.25-29
    #[test]
    fn cash_and_cashback_have_their_own_bits() {
        let cash = ServiceRequest { kind: TransactionKind::Cash, ..PURCHASE };
        assert!(!is_service_allowed(shops().with(Auc::DOMESTIC_GOODS), &cash));
        assert!(is_service_allowed(shops().with(Auc::DOMESTIC_CASH), &cash));
        let cashback = ServiceRequest { cashback: true, ..PURCHASE };
        assert!(!is_service_allowed(shops().with(Auc::DOMESTIC_GOODS), &cashback));
        assert!(is_service_allowed(shops().with(Auc::DOMESTIC_GOODS).with(Auc::DOMESTIC_CASHBACK), &cashback));
        let other = ServiceRequest { kind: TransactionKind::Other, ..PURCHASE };
        assert!(is_service_allowed(shops(), &other));
    }

    //= test C-2 PRE.10-13
    #[test]
    fn an_atm_is_unattended_belongs_to_a_bank_and_gives_cash() {
        let cash = AdditionalTerminalCapabilities::default().with(AdditionalTerminalCapabilities::CASH);
        for terminal_type in [0x14, 0x15, 0x16] {
            assert!(ServiceRequest::is_atm(terminal_type, cash));
            assert!(!ServiceRequest::is_atm(terminal_type, AdditionalTerminalCapabilities::default()));
        }
        for terminal_type in [0x00, 0x11, 0x24, 0x36] {
            assert!(!ServiceRequest::is_atm(terminal_type, cash));
        }
    }

    #[test]
    fn transaction_types_have_their_kinds() {
        assert_eq!(TransactionKind::of(0x00), TransactionKind::Purchase);
        assert_eq!(TransactionKind::of(0x09), TransactionKind::Purchase);
        assert_eq!(TransactionKind::of(0x01), TransactionKind::Cash);
        assert_eq!(TransactionKind::of(0x17), TransactionKind::Cash);
        assert_eq!(TransactionKind::of(0x20), TransactionKind::Other);
    }
}
