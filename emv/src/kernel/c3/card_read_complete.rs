//! Card Read Complete (Book C-3, 5.4), and what follows without the card.

use super::context::Context;
use super::{Fault, State, authentication, completion, restrictions, verification};
use crate::dict::{self, Book};
use crate::fields::c3::IssuerApplicationData;
use crate::fields::{CryptogramInformationData, CryptogramType, Pan, Track2, Ttq};
use crate::kernel::{MessageId, Status, UiRequest};
use crate::tlv::Tag;

/// What every card gives (Book C-3, A.2).
const MANDATORY: &[Tag] = &[
    dict::APPLICATION_CRYPTOGRAM,
    dict::AIP,
    dict::ATC,
    dict::ISSUER_APPLICATION_DATA,
    dict::PDOL,
    dict::TRACK_2_EQUIVALENT_DATA,
];

/// From here on the kernel decides alone.
pub(super) fn complete(context: &mut Context) -> Result<State, Fault> {
    //= C-3 4.1.1.3, 5.4.1.1
    context.show(UiRequest::new(MessageId::CardReadOk, Status::CardReadSuccessfully));
    check_data(context)?;
    dispose(context);
    restrictions::check(context)?;
    authentication::authenticate(context)?;
    verification::select_cvm(context);
    Ok(completion::complete(context))
}

/// What must be there is there, and what is there came once and is as the book has it.
//= C-3 4.1.1.4, 5.4.2.1, 5.4.2.2, A.1.1.1
fn check_data(context: &Context) -> Result<(), Fault> {
    let given = &context.card_data;
    if given.iter().enumerate().any(|(index, tag)| given[..index].contains(tag)) {
        return Err(Fault::DataRedundant);
    }
    if MANDATORY.iter().any(|tag| context.database.value(*tag).is_none()) {
        return Err(Fault::MandatoryDataMissing);
    }
    for &tag in given {
        let (value, known) = (context.database.value(tag), dict::find_in(Book::C3, tag));
        if let (Some(value), Some(known)) = (value, known)
            && !(known.length.0..=known.length.1).contains(&value.len())
        {
            return Err(Fault::DataMalformed);
        }
    }
    let track2 = context.database.value(dict::TRACK_2_EQUIVALENT_DATA).unwrap_or_default();
    let track2 = Track2::try_from(track2).map_err(|_| Fault::DataMalformed)?;
    match context.database.value(dict::PAN).map(Pan::from_cn) {
        None => Ok(()),
        Some(Ok(pan)) if pan == *track2.pan() => Ok(()),
        Some(Ok(_)) => Err(Fault::PanMismatch),
        Some(Err(_)) => Err(Fault::DataMalformed),
    }
}

/// What the card has decided. That a card refuses a refund says nothing but that it is done: whether there
/// is one, the acquirer says.
//= C-3 3.4.1.3, 5.4.3.2
fn dispose(context: &mut Context) {
    if context.database.value(dict::CRYPTOGRAM_INFORMATION_DATA).is_none() {
        let cid = cid_of_issuer_application_data(context);
        context.database.set(dict::CRYPTOGRAM_INFORMATION_DATA, cid.as_bytes());
    }
    match context.cryptogram_type() {
        CryptogramType::Tc => {}
        CryptogramType::Aac if context.is_refund() => context.online_required = true,
        CryptogramType::Arqc => context.online_required = true,
        CryptogramType::Aac | CryptogramType::Rfu => context.decline_required = true,
    }
    if context.ttq.has(Ttq::ONLINE_CRYPTOGRAM_REQUIRED) {
        context.online_required = true;
    }
}

/// Byte 5 of the Issuer Application Data tells the type where there is no CID. Data of fewer
/// bytes tell none.
//= C-3 5.4.3.1
fn cid_of_issuer_application_data(context: &Context) -> CryptogramInformationData {
    let data = context.database.value(dict::ISSUER_APPLICATION_DATA).unwrap_or_default();
    let cryptogram_type =
        IssuerApplicationData::from_bytes(data).map_or(CryptogramType::Rfu, IssuerApplicationData::cryptogram_type);
    CryptogramInformationData::new(cryptogram_type)
}

#[cfg(test)]
mod tests {
    use super::super::testing::context;
    use super::*;
    use crate::fields::Bit;
    use crate::kernel::Output;

    const TRACK_2: &[u8] = &[0x41, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0xD4, 0x91, 0x22, 0x01];

    fn read(ttq: &[Bit<Ttq>]) -> Context {
        context(ttq)
            .given(dict::PDOL, &[0x9F, 0x66, 0x04])
            .given(dict::APPLICATION_CRYPTOGRAM, &[1; 8])
            .given(dict::AIP, &[0x00, 0x00])
            .given(dict::ATC, &[0x00, 0x01])
            .given(dict::ISSUER_APPLICATION_DATA, &[0x06, 0x01, 0x11, 0x03, 0xA0, 0x00, 0x00])
            .given(dict::TRACK_2_EQUIVALENT_DATA, TRACK_2)
    }

    //= test C-3 4.1.1.3, 5.4.1.1
    #[test]
    fn the_cardholder_may_take_the_card_before_anything_is_decided() {
        let mut context = read(&[]);
        assert!(matches!(complete(&mut context), Ok(State::Finished)));
        let request = UiRequest::new(MessageId::CardReadOk, Status::CardReadSuccessfully);
        assert_eq!(context.outputs.front(), Some(&Output::Ui(request)));
    }

    //= test C-3 5.4.2.1
    #[test]
    fn each_mandatory_object_must_be_there() {
        assert_eq!(check_data(&read(&[])), Ok(()));
        for &tag in MANDATORY {
            let mut context = read(&[]);
            context.database.remove(tag);
            assert_eq!(check_data(&context), Err(Fault::MandatoryDataMissing), "{tag}");
            assert_eq!(check_data(&read(&[]).given(tag, &[])), Err(Fault::MandatoryDataMissing), "{tag}");
        }
    }

    //= test C-3 5.4.2.2
    #[test]
    fn an_object_comes_once() {
        let mut context = read(&[]).given(dict::PAN_SEQUENCE_NUMBER, &[0]);
        assert_eq!(check_data(&context), Ok(()));
        context.card_data.push(dict::PAN_SEQUENCE_NUMBER);
        assert_eq!(check_data(&context), Err(Fault::DataRedundant));
    }

    //= test C-3 4.1.1.4, A.1.1.1
    #[test]
    fn an_object_of_the_card_has_the_length_that_its_book_gives_it() {
        for (tag, value) in [
            (dict::CTQ, &[0x00][..]),
            (dict::CARD_AUTHENTICATION_RELATED_DATA, &[0x01, 0, 0, 0]),
            (dict::APPLICATION_CRYPTOGRAM, &[0; 7]),
            (dict::TRACK_2_EQUIVALENT_DATA, &[0x41, 0x11]),
        ] {
            assert_eq!(check_data(&read(&[]).given(tag, value)), Err(Fault::DataMalformed), "{tag}");
        }
    }

    //= test C-3 A.1.1.1
    #[test]
    fn a_pan_must_be_that_of_track_2() {
        let pan = |last| [0x41, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, last];
        assert_eq!(check_data(&read(&[]).given(dict::PAN, &pan(0x11))), Ok(()));
        assert_eq!(check_data(&read(&[]).given(dict::PAN, &pan(0x29))), Err(Fault::PanMismatch));
        assert_eq!(check_data(&read(&[]).given(dict::PAN, &pan(0xAA))), Err(Fault::DataMalformed));
    }

    //= test C-3 5.4.3.2
    #[test]
    fn the_card_s_cryptogram_disposes_of_the_transaction() {
        for (cryptogram_type, expected) in [
            (CryptogramType::Tc, (false, false)),
            (CryptogramType::Arqc, (true, false)),
            (CryptogramType::Aac, (false, true)),
            (CryptogramType::Rfu, (false, true)),
        ] {
            let mut context = read(&[]).with_cryptogram(cryptogram_type);
            dispose(&mut context);
            assert_eq!(context.indicators(), expected, "{cryptogram_type:?}");
        }
    }

    //= test C-3 3.4.1.3
    #[test]
    fn a_card_that_refuses_a_refund_leaves_it_to_the_acquirer() {
        for (cryptogram_type, expected) in [(CryptogramType::Aac, (true, false)), (CryptogramType::Rfu, (false, true))]
        {
            let mut context = read(&[]).with_cryptogram(cryptogram_type);
            context.transaction.transaction_type = 0x20;
            dispose(&mut context);
            assert_eq!(context.indicators(), expected, "{cryptogram_type:?}");
        }
    }

    //= test C-3 5.4.3.2
    #[test]
    fn a_reader_that_needs_an_online_cryptogram_goes_online() {
        let mut context = read(&[Ttq::ONLINE_CRYPTOGRAM_REQUIRED]).with_cryptogram(CryptogramType::Tc);
        dispose(&mut context);
        assert_eq!(context.indicators(), (true, false));
    }

    //= test C-3 5.4.3.1
    #[test]
    fn without_a_cid_the_issuer_application_data_tell_the_cryptogram() {
        for (data, cid) in [
            (&[0x06, 0x01, 0x11, 0x03, 0x90][..], 0x40),
            (&[0x06, 0x01, 0x11, 0x03, 0xA0, 0x00, 0x00], 0x80),
            (&[0x06, 0x01, 0x11, 0x03, 0x80], 0x00),
            (&[0x06, 0x01, 0x11, 0x03], 0xC0),
        ] {
            let mut context = read(&[]).given(dict::ISSUER_APPLICATION_DATA, data);
            dispose(&mut context);
            assert_eq!(context.database.value(dict::CRYPTOGRAM_INFORMATION_DATA), Some(&[cid][..]), "{data:02X?}");
        }
    }
}
