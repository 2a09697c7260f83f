//! Errors that come over the bus, or instead of it, in words that say what to do next.

use zbus::{DBusError, Error, fdo};

use super::Failure;
use crate::bus::{self, Bus};

/// What to do about the errors that need more than their retry advice says.
const ADVICE: [(&str, &str); 10] = [
    ("TokenReused", "Give this sale another --token, or none to have one made up"),
    ("UnknownToken", "`tenderctl transactions` lists the transactions there are"),
    ("UnknownReader", "`tenderctl readers` lists the readers there are"),
    ("ReaderBusy", "Wait for the other transaction to end, or take another --reader"),
    ("AlreadyDone", "`tenderctl receipt TOKEN` shows how it ended"),
    (
        "ReaderFailed",
        "Take the card away; if `tenderctl readers` still says faulty, unplug the reader and plug it in again",
    ),
    ("TypeNotOffered", "The configuration's key scheme.transactions says what each card scheme offers"),
    (
        "HostUnavailable",
        "The configuration's key host.address says where the acquirer is; `journalctl -u tenderd` says more",
    ),
    ("JournalDamaged", "docs/journal.md says how to settle what it held"),
    ("WrongCurrency", "The configuration's key terminal.currency says which currency this terminal takes"),
];

/// The advice for each value of `Retry` on the bus.
pub(super) fn retry_advice(retry: &str) -> Option<&'static str> {
    Some(match retry {
        "same" => "Try again with the same token: nothing is charged twice",
        "new_token" => "Start another sale, with a new token",
        "after_operator" => "Somebody must mend this first; then try again",
        _ => return None,
    })
}

/// There is no bus.
pub(super) fn no_bus(bus: &Bus, error: &Error) -> Failure {
    let (name, advice) = match bus {
        Bus::System => ("the system bus", "Start D-Bus, or name another bus with --session or --bus ADDRESS"),
        Bus::Session => ("the session bus", "Log in to a session that has one, or name another bus with --bus ADDRESS"),
        Bus::Address(address) => (address.as_str(), "Is a bus running at this address?"),
    };
    Failure::new(format!("{name} can't be reached: {error}")).advise(advice).exit(Failure::UNAVAILABLE)
}

/// A call failed.
pub(super) fn failure(error: &Error) -> Failure {
    match error {
        Error::MethodError(name, text, _) => named(name.as_str(), text.as_deref().unwrap_or(name.as_str())),
        Error::FDO(error) => standard(error),
        Error::InputOutput(_) => Failure::new(format!("the bus: {error}")).exit(Failure::UNAVAILABLE),
        other => Failure::new(other.to_string()),
    }
}

/// An error of the daemon's: its text ends with `(retry: ...)`.
fn named(name: &str, text: &str) -> Failure {
    let (message, retry) = match text.strip_suffix(')').and_then(|text| text.rsplit_once(" (retry: ")) {
        Some((message, retry)) => (message, Some(retry)),
        None => (text, None),
    };
    let own = name.strip_prefix(bus::Error::PREFIX).unwrap_or_default();
    let known = ADVICE.iter().find(|(name, _)| *name == own).map(|(_, advice)| *advice);
    let advice = known.or_else(|| retry_advice(retry?));
    Failure {
        name: Some(name.to_owned()),
        message: message.to_owned(),
        retry: retry.map(str::to_owned),
        advice: advice.map(str::to_owned),
        exit: Failure::FAILED,
    }
}

/// An error of the bus itself.
fn standard(error: &fdo::Error) -> Failure {
    let name = Some(error.name().to_string());
    let failure = match error {
        fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) | fdo::Error::NoReply(_) => {
            Failure::new("tenderd is not running on this bus")
                .advise("Start it with `systemctl start tenderd`, or `tenderd --config FILE --session` for development")
                .exit(Failure::UNAVAILABLE)
        }
        fdo::Error::SpawnChildExited(_) | fdo::Error::SpawnFailed(_) | fdo::Error::SpawnServiceNotFound(_) => {
            Failure::new("tenderd could not be started")
                .advise("`journalctl -u tenderd` says why")
                .exit(Failure::UNAVAILABLE)
        }
        fdo::Error::AccessDenied(_) => Failure::new("you may not talk to tenderd")
            .advise("Become root, or a member of the group `tenderd`: `adduser USER tenderd`, then log in again"),
        other => Failure::new(other.to_string()),
    };
    Failure { name, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_daemon_says_what_to_do_next() {
        let failure = named("org.tenderd.Error.ReaderBusy", "every reader is busy (retry: same)");
        assert_eq!((failure.message.as_str(), failure.retry.as_deref()), ("every reader is busy", Some("same")));
        assert!(failure.advice.unwrap().starts_with("Wait for the other transaction"));
        let failure = named("org.tenderd.Error.JournalFailed", "the disk is full (retry: after_operator)");
        assert_eq!(failure.advice.as_deref(), retry_advice("after_operator"));
    }

    #[test]
    fn an_error_without_retry_advice_keeps_its_text() {
        let failure = named("org.example.Error", "broken (badly)");
        assert_eq!((failure.message.as_str(), failure.retry, failure.advice), ("broken (badly)", None, None));
    }

    #[test]
    fn a_daemon_that_is_not_there_has_an_exit_code_of_its_own() {
        let failure = failure(&fdo::Error::ServiceUnknown("org.tenderd".to_owned()).into());
        assert_eq!(failure.exit, Failure::UNAVAILABLE);
        assert!(failure.advice.unwrap().contains("systemctl start tenderd"));
    }
}
