//! What a run gave, beside what was recorded.

use emv::kernel::{Cvm, Decision, MessageId, Record, StartPoint, Status};
use emv::tlv::Tlvs;
use serde_json::Value;

use super::vectors::hex;
use super::{Ran, text};

pub(crate) fn compare(ran: &Ran, expected: &Value) -> Result<(), String> {
    let outcome = &ran.outcome;
    same("outcome", decision(outcome.decision), text(&expected["outcome"]))?;
    same("restart", outcome.start.map_or("N/A", start_point), text(&expected["restart"]))?;
    same("CVM", outcome.cvm.map_or("N/A", cvm), text(&expected["cvm"]))?;

    let messages = expected["ui_messages"].as_array().into_iter().flatten();
    let messages: Vec<_> = messages.map(|shown| (text(&shown["message"]), text(&shown["status"]))).collect();
    let shown: Vec<_> =
        ran.shown.iter().map(|(message, status)| (message_text(*message), status_text(*status))).collect();
    let invitation = (message_text(MessageId::PresentCard), status_text(Status::ReadyToRead));
    let shown = match &shown[..] {
        [first, rest @ ..] if *first == invitation && messages.first() != Some(&invitation) => rest,
        all => all,
    };
    same("messages", shown, &messages[..])?;

    holds("data record", outcome.data_record.as_ref(), &expected["data_record"])?;
    holds("discretionary data", outcome.discretionary_data.as_ref(), &expected["discretionary_data"])?;

    let verified = expected["oda_steps_verified"].as_array().is_some_and(|steps| !steps.is_empty());
    match &ran.authentications[..] {
        [] if !verified => Ok(()),
        [Ok(())] if verified => Ok(()),
        other => {
            Err(format!("offline data authentication gave {other:?}, recorded is {}", expected["oda_steps_verified"]))
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, recorded: T) -> Result<(), String> {
    if ours == recorded { Ok(()) } else { Err(format!("{what} is {ours:?}, recorded is {recorded:?}")) }
}

/// Every object of the recorded record is in ours, with the same value.
fn holds(what: &str, ours: Option<&Record>, recorded: &Value) -> Result<(), String> {
    let recorded = hex(recorded.as_str().unwrap_or_default());
    let recorded = Tlvs::parse(&recorded).map_err(|error| error.to_string())?;
    let ours = ours.map_or(&[][..], |record| record.as_bytes());
    let ours = Tlvs::parse(ours).map_err(|error| error.to_string())?;
    for object in recorded {
        match ours.find(object.tag) {
            Some(value) if value == object.value => {}
            Some(value) => {
                return Err(format!("{what}: {} is {value:02X?}, recorded is {:02X?}", object.tag, object.value));
            }
            None => return Err(format!("{what}: {} is missing", object.tag)),
        }
    }
    Ok(())
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::SelectNext => "Select Next",
        Decision::TryAgain => "Try Again",
        Decision::Approved => "Approved",
        Decision::Declined => "Declined",
        Decision::OnlineRequest => "Online Request",
        Decision::RequestOnlinePin => "Request Online PIN",
        Decision::TryAnotherInterface => "Try Another Interface",
        Decision::EndApplication => "End Application",
    }
}

fn start_point(start: StartPoint) -> &'static str {
    match start {
        StartPoint::A => "A",
        StartPoint::B => "B",
        StartPoint::C => "C",
        StartPoint::D => "D",
    }
}

fn cvm(cvm: Cvm) -> &'static str {
    match cvm {
        Cvm::NoCvm => "NO CVM",
        Cvm::ObtainSignature => "Signature",
        Cvm::OnlinePin => "Online PIN",
        Cvm::ConfirmationCodeVerified => "Confirm Code Verified",
    }
}

/// The recorded implementation's words for the messages of Book A, 9.4.
fn message_text(message: MessageId) -> &'static str {
    match message {
        MessageId::Approved => "Approved",
        MessageId::NotAuthorised => "Not Authorised",
        MessageId::EnterPin => "Please enter your PIN",
        MessageId::ProcessingError => "Processing error",
        MessageId::RemoveCard => "Please remove card",
        MessageId::Welcome => "Welcome",
        MessageId::PresentCard => "Present card",
        MessageId::Processing => "Processing",
        MessageId::CardReadOk => "Card read OK, Please remove card",
        MessageId::InsertOrSwipeCard => "Please insert or swipe card",
        MessageId::PresentOneCardOnly => "Please present one card only",
        MessageId::ApprovedPleaseSign => "Approved Please sign",
        MessageId::Authorising => "Authorising Please Wait",
        MessageId::TryAnotherCard => "Insert, swipe or try another card",
        MessageId::InsertCard => "Please insert card",
        MessageId::ClearDisplay => "*** CLEAR ****",
        MessageId::SeePhone => "See Phone for Instructions",
        MessageId::PresentCardAgain => "Present card again",
        MessageId::NotApplicable | MessageId::Other(_) => "",
    }
}

/// The recorded implementation's words for the states of Book A, 9.2.
fn status_text(status: Status) -> &'static str {
    match status {
        Status::NotReady => "Not Ready",
        Status::Idle => "Idle",
        Status::ReadyToRead => "Ready to Read (Present Card)",
        Status::Processing => "Processing",
        Status::CardReadSuccessfully => "Card Read Successfully (Remove Card)",
        Status::ProcessingError => "Processing Error",
        Status::NotApplicable => "",
    }
}
