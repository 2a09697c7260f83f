//! Terminal action analysis (EMV Book 3, 10.7; Book C-2, TAA).

use crate::fields::{CryptogramType, TerminalEnvironment, Tvr};

/// The acquirer's action codes: which results make a transaction declined or sent online.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionCodes {
    /// Terminal Action Code – Denial.
    pub denial: Tvr,
    /// Terminal Action Code – Online.
    pub online: Tvr,
    /// Terminal Action Code – Default.
    pub default: Tvr,
}

/// The issuer's action codes, as far as the card gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IssuerActionCodes {
    /// Issuer Action Code – Denial; absent, it denies nothing.
    pub denial: Option<Tvr>,
    /// Issuer Action Code – Online; absent, every result sends the transaction online.
    pub online: Option<Tvr>,
    /// Issuer Action Code – Default; absent, every result declines the transaction.
    pub default: Option<Tvr>,
}

/// Which cryptogram to ask for.
///
/// A terminal that is online only asks for an ARQC unless the transaction is to be denied; one that
/// is offline only follows the default codes instead of the online ones.
//= C-2 TAA.1-3, TAA.4-5, TAA.6, TAA.7-12, TAA.13-18
pub fn analyse(
    tvr: Tvr,
    terminal: &ActionCodes,
    issuer: &IssuerActionCodes,
    environment: TerminalEnvironment,
) -> CryptogramType {
    let meets =
        |terminal: Tvr, issuer: Option<Tvr>, absent: Tvr| tvr.meets(terminal) || tvr.meets(issuer.unwrap_or(absent));
    let nothing = Tvr::default();
    let anything = Tvr::ANY_RESULT;

    if meets(terminal.denial, issuer.denial, nothing) {
        CryptogramType::Aac
    } else if !environment.offline {
        CryptogramType::Arqc
    } else if environment.online {
        if meets(terminal.online, issuer.online, anything) { CryptogramType::Arqc } else { CryptogramType::Tc }
    } else if meets(terminal.default, issuer.default, anything) {
        CryptogramType::Aac
    } else {
        CryptogramType::Tc
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONLINE_AND_OFFLINE: TerminalEnvironment = TerminalEnvironment { attended: true, online: true, offline: true };
    const ONLINE_ONLY: TerminalEnvironment = TerminalEnvironment { offline: false, ..ONLINE_AND_OFFLINE };
    const OFFLINE_ONLY: TerminalEnvironment = TerminalEnvironment { online: false, ..ONLINE_AND_OFFLINE };
    const NONE: ActionCodes = ActionCodes {
        denial: Tvr::from_bytes([0; 5]),
        online: Tvr::from_bytes([0; 5]),
        default: Tvr::from_bytes([0; 5]),
    };

    fn floor_limit() -> Tvr {
        Tvr::default().with(Tvr::EXCEEDS_FLOOR_LIMIT)
    }

    fn issuer_none() -> IssuerActionCodes {
        let none = Some(Tvr::default());
        IssuerActionCodes { denial: none, online: none, default: none }
    }

    //= test C-2 TAA.1-3
    #[test]
    fn denial_comes_first_whoever_asks_for_it() {
        let terminal = ActionCodes { denial: floor_limit(), online: floor_limit(), ..NONE };
        let issuer = IssuerActionCodes { denial: Some(floor_limit()), ..issuer_none() };
        for environment in [ONLINE_AND_OFFLINE, ONLINE_ONLY, OFFLINE_ONLY] {
            assert_eq!(analyse(floor_limit(), &terminal, &issuer_none(), environment), CryptogramType::Aac);
            assert_eq!(analyse(floor_limit(), &NONE, &issuer, environment), CryptogramType::Aac);
        }
    }

    //= test C-2 TAA.7-12
    #[test]
    fn a_terminal_that_can_do_both_goes_online_where_a_code_asks_for_it() {
        let asks = ActionCodes { online: floor_limit(), ..NONE };
        let issuer_asks = IssuerActionCodes { online: Some(floor_limit()), ..issuer_none() };
        let of = |tvr, terminal: &_, issuer: &_| analyse(tvr, terminal, issuer, ONLINE_AND_OFFLINE);
        assert_eq!(of(floor_limit(), &asks, &issuer_none()), CryptogramType::Arqc);
        assert_eq!(of(floor_limit(), &NONE, &issuer_asks), CryptogramType::Arqc);
        assert_eq!(of(Tvr::default(), &asks, &issuer_asks), CryptogramType::Tc);
        assert_eq!(of(floor_limit(), &NONE, &issuer_none()), CryptogramType::Tc);
    }

    //= test C-2 TAA.4-5
    #[test]
    fn an_online_only_terminal_always_goes_online() {
        assert_eq!(analyse(Tvr::default(), &NONE, &issuer_none(), ONLINE_ONLY), CryptogramType::Arqc);
    }

    //= test C-2 TAA.6, TAA.13-18
    #[test]
    fn an_offline_only_terminal_follows_the_default_codes() {
        let terminal = ActionCodes { default: floor_limit(), ..NONE };
        let online = ActionCodes { online: floor_limit(), ..NONE };
        assert_eq!(analyse(floor_limit(), &terminal, &issuer_none(), OFFLINE_ONLY), CryptogramType::Aac);
        assert_eq!(analyse(floor_limit(), &online, &issuer_none(), OFFLINE_ONLY), CryptogramType::Tc);
    }

    //= test C-2 TAA.7-12, TAA.13-18
    #[test]
    fn absent_issuer_codes_deny_nothing_and_let_any_result_decide_otherwise() {
        let absent = IssuerActionCodes::default();
        assert_eq!(analyse(floor_limit(), &NONE, &absent, ONLINE_AND_OFFLINE), CryptogramType::Arqc);
        assert_eq!(analyse(Tvr::default(), &NONE, &absent, ONLINE_AND_OFFLINE), CryptogramType::Tc);
        let not_performed = Tvr::default().with(Tvr::RELAY_RESISTANCE_NOT_PERFORMED);
        assert_eq!(analyse(not_performed, &NONE, &absent, ONLINE_AND_OFFLINE), CryptogramType::Tc);
        assert_eq!(analyse(floor_limit(), &NONE, &absent, OFFLINE_ONLY), CryptogramType::Aac);
        assert_eq!(analyse(Tvr::default(), &NONE, &absent, OFFLINE_ONLY), CryptogramType::Tc);
    }
}
