//! S9 and S11, Waiting for Generate AC Response – 1 and – 2 (Book C-2, S9 and S11). They differ in
//! one thing: in S11 there is a Torn Temp Record, of a transaction that RECOVER AC did not recover.

use zeroize::Zeroizing;

use super::balance::{self, BalanceAfter};
use super::card_response::{self, Refused};
use super::context::Context;
use super::{Fault, State, TornChange, data_storage, torn_recovery, verification};
use crate::apdu::Response;
use crate::dict;
use crate::fields::c2::L1Error;
use crate::fields::{CryptogramInformationData, CryptogramType, ReferenceControlParameter};
use crate::kernel::{MessageId, Status, UiRequest};
use crate::oda::StaticData;

/// GENERATE AC was sent.
#[derive(Debug)]
pub(super) struct GenerateAcResponse {
    /// What was asked for.
    pub(super) parameter: ReferenceControlParameter,
    /// The data that a signature is checked with, where the ODA status is CDA.
    pub(super) static_data: Option<StaticData>,
}

impl GenerateAcResponse {
    /// L1RSP: the transaction is torn.
    //= C-2 S9.5, S9.6-8, S9.9-15, S11.11-17
    pub(super) fn no_response(self, error: L1Error, context: &mut Context) -> Fault {
        if torn_recovery::is_supported(context) {
            if let Some(earlier) = context.torn_temp_record.take_if(|record| !record.wrote_data()) {
                context.change_torn_log(TornChange::Settled(earlier));
            }
            torn_recovery::remember(context);
        } else if data_storage::writes(context) {
            return Fault::NoGenerateAcResponseToData(error);
        }
        Fault::NoGenerateAcResponse(error)
    }

    /// RA.
    pub(super) fn response(self, response: Response<'_>, context: &mut Context) -> Result<State, Fault> {
        //= C-2 S11.5
        if let Some(record) = context.torn_temp_record.clone() {
            context.change_torn_log(TornChange::Settled(record));
        }
        //= C-2 S9.16-17, S11.6-7
        if !response.status.is_success() {
            return Err(Fault::GenerateAcRefused(response.status));
        }
        //= C-2 S9.18-20, S11.8-10
        store(&response, context).map_err(|_| Fault::GenerateAcMalformed)?;
        self.answered(response.data, context)
    }

    /// The response to GENERATE AC or RECOVER AC was stored; `response` are its data.
    pub(super) fn answered(self, response: &[u8], context: &mut Context) -> Result<State, Fault> {
        //= C-2 S9.21-22, S11.18-19
        let cid = context.read::<CryptogramInformationData>(dict::CRYPTOGRAM_INFORMATION_DATA).and_then(Result::ok);
        let cid = cid.filter(|_| context.database.value(dict::ATC).is_some()).ok_or(Fault::GenerateAcDataMissing)?;
        //= C-2 S9.23-24, S11.20-21
        if !is_at_most(cid.cryptogram_type(), self.parameter.cryptogram_type()) {
            return Err(Fault::CryptogramTypeWrong);
        }
        let answered = Answered { asked: self, cid };
        //= C-2 S9.25, S11.22
        if balance::is_wanted(dict::BALANCE_READ_AFTER_GEN_AC, context) {
            let response = Zeroizing::new(response.to_vec());
            return Ok(BalanceAfter { answered, response }.ask(context));
        }
        answered.go_on(response, context)
    }
}

/// GENERATE AC or RECOVER AC was answered with a cryptogram of a kind that may be.
#[derive(Debug)]
pub(super) struct Answered {
    asked: GenerateAcResponse,
    cid: CryptogramInformationData,
}

impl Answered {
    /// The balance was read, where it is read after GENERATE AC; `response` are the data of the answer.
    pub(super) fn go_on(self, response: &[u8], context: &mut Context) -> Result<State, Fault> {
        //= C-2 S9.26-27, S11.23-24
        if context.exchange.to_write_after.is_empty() {
            context.show(UiRequest::new(MessageId::ClearDisplay, Status::CardReadSuccessfully));
        }
        verification::verify(self.asked, self.cid, response, context)
    }
}

/// A response of format 1 or of format 2 (EMV Book 3, 6.5.5.4).
fn store(response: &Response<'_>, context: &mut Context) -> Result<(), Refused> {
    match card_response::format_1(response) {
        Some(value) => {
            let objects = [
                (dict::CRYPTOGRAM_INFORMATION_DATA, Some(1)),
                (dict::ATC, Some(2)),
                (dict::APPLICATION_CRYPTOGRAM, Some(8)),
                (dict::ISSUER_APPLICATION_DATA, None),
            ];
            card_response::store_format_1(&mut context.database, value, &objects)
        }
        None => card_response::store(&mut context.database, response.data),
    }
}

/// A card may answer with what it was asked for or with less: TC, ARQC, AAC.
fn is_at_most(cryptogram: CryptogramType, asked_for: CryptogramType) -> bool {
    match cryptogram {
        CryptogramType::Tc => asked_for == CryptogramType::Tc,
        CryptogramType::Arqc => matches!(asked_for, CryptogramType::Tc | CryptogramType::Arqc),
        CryptogramType::Aac => true,
        CryptogramType::Rfu => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test C-2 S9.23-24
    #[test]
    fn a_card_may_lower_what_it_was_asked_for_and_never_raise_it() {
        use CryptogramType::*;
        for (cryptogram, allowed) in [
            (Tc, [true, false, false]),
            (Arqc, [true, true, false]),
            (Aac, [true, true, true]),
            (Rfu, [false, false, false]),
        ] {
            assert_eq!([Tc, Arqc, Aac].map(|asked_for| is_at_most(cryptogram, asked_for)), allowed, "{cryptogram:?}");
        }
    }
}
