//! What its issuer sends a Visa card when it is presented again: proof that it is the issuer, and scripts (EMV
//! Contactless Book C-3, 6).

use std::collections::BTreeMap;

use emv::dict;
use emv::tlv::Tag;

use super::command::{Command, Status};
use super::issued::Issued;
use crate::crypto::{MAC_LENGTH, ScriptedTransaction};

/// The cryptogram whose answer the card awaits, and what its issuer changed until now.
#[derive(Clone, Default)]
pub(super) struct IssuerUpdate {
    awaited: Option<ScriptedTransaction>,
    is_blocked: bool,
    /// What PUT DATA put there.
    data: BTreeMap<Tag, Vec<u8>>,
}

impl IssuerUpdate {
    /// A transaction began: its issuer may answer this cryptogram, and no earlier one.
    pub(super) fn begin(&mut self, awaited: Option<ScriptedTransaction>) {
        self.awaited = awaited;
    }

    /// Whether the issuer blocked the application.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// A data object that the issuer wrote.
    pub(super) fn find(&self, tag: Tag) -> Option<&[u8]> {
        self.data.get(&tag).map(Vec::as_slice)
    }

    /// EXTERNAL AUTHENTICATE (EMV Book 3, 6.5.4): is it the issuer's answer to the card's cryptogram?
    pub(super) fn authenticate(&self, card: &Issued, command: Command<'_>) -> Result<(), Status> {
        let ScriptedTransaction { atc, arqc } = self.awaited.ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
        if (command.p1, command.p2) != (0x00, 0x00) {
            return Err(Status::INCORRECT_P1_P2);
        }
        let value = |tag| (tag == dict::ATC).then_some(&atc[..]);
        match card.application.version.is_issuers(&card.master_key, value, arqc, command.data) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Status::AUTHENTICATION_FAILED),
        }
    }

    /// A command of an issuer script, whose MAC must be right: PUT DATA, APPLICATION BLOCK or APPLICATION UNBLOCK
    /// (EMV Book 3, 6.5.1, 6.5.2; Book 2, 9.2).
    pub(super) fn carry_out(&mut self, card: &Issued, command: Command<'_>) -> Result<(), Status> {
        let awaited = self.awaited.ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
        let (data, mac) = command.data.split_last_chunk::<MAC_LENGTH>().ok_or(Status::SECURE_MESSAGING_MISSING)?;
        let Command { cla, ins, p1, p2, .. } = command;
        let key = awaited.session_key(card.application.scheme, &card.smi_master_key);
        if awaited.mac(&key, [cla, ins, p1, p2, command.data.len() as u8], data) != *mac {
            return Err(Status::SECURE_MESSAGING_INCORRECT);
        }
        match ins {
            Self::PUT_DATA => {
                self.data.insert(Tag::new(u16::from_be_bytes([p1, p2]).into()), data.to_vec());
            }
            Self::APPLICATION_BLOCK => self.is_blocked = true,
            Self::APPLICATION_UNBLOCK => self.is_blocked = false,
            _ => return Err(Status::INSTRUCTION_NOT_SUPPORTED),
        }
        Ok(())
    }

    const PUT_DATA: u8 = 0xDA;
    const APPLICATION_BLOCK: u8 = 0x1E;
    const APPLICATION_UNBLOCK: u8 = 0x18;
}
