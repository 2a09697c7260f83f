//! One PC/SC reader, from the side of its thread.

use std::ffi::CString;

use pcsc::{Card, Context, Disposition, Error, Protocols, Scope, ShareMode};

use crate::reader::ChannelError;
use crate::reader::station::Slot;

/// The reader takes a command for itself through SCardControl with this code (CCID escape, pcsc-lite's numbering).
const CCID_ESCAPE: pcsc::ffi::DWORD = pcsc::ctl_code(1);

/// What a reader's names take at most, in bytes: pcsc-lite's MAX_READERNAME, and the end of the list.
const NAMES_LEN_MAX: usize = 129;

/// The class of pseudo-APDUs: the reader answers them itself (PC/SC part 3, 3.2.2).
const CLASS_PSEUDO_APDU: u8 = 0xFF;

pub(super) struct PcscSlot {
    name: CString,
    context: Option<Context>,
    card: Option<Card>,
}

impl PcscSlot {
    pub(super) fn new(name: CString) -> Self {
        PcscSlot { name, context: None, card: None }
    }

    fn connect(&mut self, share_mode: ShareMode, protocols: Protocols) -> Result<Card, Error> {
        // The context of a service that has been restarted since is found to be void, and replaced once.
        if let Some(context) = &self.context {
            match context.connect(&self.name, share_mode, protocols) {
                Err(Error::InvalidHandle | Error::NoService | Error::ServiceStopped | Error::CommError) => {
                    self.context = None;
                }
                result => return result,
            }
        }
        let context = self.context.insert(Context::establish(Scope::User)?);
        context.connect(&self.name, share_mode, protocols)
    }
}

impl PcscSlot {
    /// Powers a card whatever the service believes of it. pcsc-lite (1.9.9) looks at a reader a few times a second, and
    /// if a card goes and another comes in between, it sees no change ever after, and what it knew of the first stays:
    /// that it had gone, when it could not be unpowered; that it does not speak any protocol or is not powered, when it
    /// could not be powered again. Only a power cycle that the client asks for makes it look afresh.
    fn power_afresh(&mut self) -> Result<Card, Error> {
        let mut card = self.connect(ShareMode::Direct, Protocols::UNDEFINED)?;
        match card.reconnect(ShareMode::Exclusive, Protocols::ANY, Disposition::UnpowerCard) {
            Ok(()) => Ok(card),
            Err(error) => {
                let _ = card.disconnect(Disposition::LeaveCard);
                Err(error)
            }
        }
    }
}

impl Slot for PcscSlot {
    fn power(&mut self) -> Result<Vec<u8>, ChannelError> {
        self.release();
        // Exclusive: no other program may speak to a card that is paying.
        let card = match self.connect(ShareMode::Exclusive, Protocols::ANY) {
            Err(Error::NoSmartcard | Error::ProtoMismatch | Error::UnpoweredCard | Error::UnresponsiveCard) => {
                self.power_afresh()?
            }
            card => card?,
        };
        let (mut names, mut atr) = ([0; NAMES_LEN_MAX], [0; pcsc::MAX_ATR_SIZE]);
        let atr = card.status2(&mut names, &mut atr).map(|status| status.atr().to_vec());
        self.card = Some(card);
        atr.map_err(|error| {
            self.release();
            error.into()
        })
    }

    fn transmit(&mut self, command: &[u8], answer: &mut [u8]) -> Result<usize, ChannelError> {
        let card = self.card.as_ref().ok_or(ChannelError::CardLost)?;
        match card.transmit(command, answer)?.len() {
            // So some drivers report a card that fell silent.
            0 => Err(ChannelError::CardLost),
            len => Ok(len),
        }
    }

    fn release(&mut self) {
        if let Some(card) = self.card.take()
            && let Err((card, _)) = card.disconnect(Disposition::UnpowerCard)
        {
            // Card or service are gone already; dropping would only ask once more.
            drop(card);
        }
    }

    fn control(&mut self, command: &[u8]) -> Result<(), ChannelError> {
        let mut answer = [0; pcsc::MAX_BUFFER_SIZE];
        match &self.card {
            Some(card) if command.first() == Some(&CLASS_PSEUDO_APDU) => card.transmit(command, &mut answer)?,
            Some(card) => card.control(CCID_ESCAPE, command, &mut answer)?,
            None => {
                let reader = self.connect(ShareMode::Direct, Protocols::UNDEFINED)?;
                let len = reader.control(CCID_ESCAPE, command, &mut answer).map(<[u8]>::len);
                let _ = reader.disconnect(Disposition::LeaveCard);
                &answer[..len?]
            }
        };
        Ok(())
    }
}
