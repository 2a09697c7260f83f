//! The keys of message MACs, as a link takes them.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};

use super::failure::{HostError, NoAnswer, NotSent};
use super::iso8583::{Dialect, Message};
use crate::keys::{
    Dukpt, InitialKey, InitialKeyId, KeyReservation, KeySerialNumber, KeyUsage, MacAlgorithm, MacKey, MasterKey,
};

/// The keys of the MACs between this terminal and the acquirer. A dialect's `[mac]` table says which it needs.
#[derive(Debug, Default)]
pub enum MacKeys {
    /// There are none: no message has a MAC.
    #[default]
    None,
    /// One for all messages, theirs and ours.
    Configured(Arc<MacKey>),
    /// Those of each message are derived from this one (DUKPT), once the link has a [`KeyLedger`].
    Derived(InitialKey),
    /// The host hands one out at sign-on.
    HandedOut(Arc<KeyDesk>),
}

/// Where the host's keys are opened, and new ones are asked for.
#[derive(Debug)]
pub struct KeyDesk {
    master: MasterKey,
    renew: Notify,
    hurry: Notify,
}

impl KeyDesk {
    /// The master key, which opens them.
    pub(super) fn master(&self) -> &MasterKey {
        &self.master
    }

    /// Waits until new ones are wanted before their time.
    pub(super) async fn renewal(&self) {
        self.renew.notified().await;
    }

    /// Waits until somebody has a request that can't be sent without keys.
    pub(super) async fn hurry(&self) {
        self.hurry.notified().await;
    }
}

impl MacKeys {
    /// Keys that the host hands out, enciphered under this one.
    pub fn by_sign_on(master: MasterKey) -> Self {
        Self::HandedOut(Arc::new(KeyDesk { master, renew: Notify::new(), hurry: Notify::new() }))
    }

    /// Where keys are handed out, if they are.
    pub(super) fn desk(&self) -> Option<Arc<KeyDesk>> {
        match self {
            Self::HandedOut(desk) => Some(desk.clone()),
            Self::None | Self::Configured(_) | Self::Derived(_) => None,
        }
    }

    /// By which the initial key is known, where keys are derived from one.
    pub(super) fn initial_key_id(&self) -> Option<InitialKeyId> {
        match self {
            Self::Derived(initial_key) => Some(initial_key.id()),
            Self::None | Self::Configured(_) | Self::HandedOut(_) => None,
        }
    }
}

/// Where reservations of keys go to be written down.
pub type KeyLedger = mpsc::UnboundedSender<Reserve>;

/// Keys that a link is about to use. None of them is used before they are written down and synced.
#[derive(Debug)]
pub struct Reserve {
    /// What is to be written.
    pub reservation: KeyReservation,
    /// Hears when that is done. Where it is dropped instead, no key is used.
    pub written: oneshot::Sender<()>,
}

/// The keys of a request and of its answer.
#[derive(Debug)]
pub(super) struct RequestKeys {
    pub(super) request: Arc<MacKey>,
    pub(super) answer: Arc<MacKey>,
    /// By which the host finds them, where they are derived.
    pub(super) serial_number: Option<KeySerialNumber>,
}

/// Where a link takes its keys.
#[derive(Debug)]
pub(super) enum KeySupply {
    /// What it was given: an initial key needs a ledger before keys are derived from it.
    Given(MacKeys),
    Derived(Dukpt, KeyLedger),
    /// One that the host handed out.
    HandedOut(Arc<KeyDesk>, Arc<MacKey>),
}

impl KeySupply {
    /// Begins to derive keys, where there is an initial key, after those that were reserved before.
    pub(super) fn derive_after(&mut self, last_reserved: u32, ledger: KeyLedger) {
        if let Self::Given(given @ MacKeys::Derived(_)) = self
            && let MacKeys::Derived(initial_key) = std::mem::take(given)
        {
            *self = Self::Derived(Dukpt::new(initial_key, last_reserved), ledger);
        }
    }

    /// Whether the host has yet to hand out a key: what needs one has to wait.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self, Self::Given(MacKeys::HandedOut(_)))
    }

    /// Somebody waits for a key: a host that gave none is asked again now, and not after the pause.
    pub(super) fn hurry(&self) {
        if let Self::Given(MacKeys::HandedOut(desk)) = self {
            desk.hurry.notify_waiters();
        }
    }

    /// The host has handed out a key.
    pub(super) fn hand_out(&mut self, key: MacKey) {
        if let Self::Given(MacKeys::HandedOut(desk)) | Self::HandedOut(desk, _) = self {
            *self = Self::HandedOut(desk.clone(), Arc::new(key));
        }
    }

    /// Looks at how a request ended. Where that says that terminal and host have different keys, ours is forgotten, and
    /// a new one asked for.
    pub(super) fn heed(&mut self, ended: &Result<Message, HostError>, dialect: &Dialect) {
        let Self::HandedOut(desk, _) = self else { return };
        let is_lost = match ended {
            Ok(answer) => dialect.says_that_keys_are_due(answer),
            Err(HostError::NoAnswer(NoAnswer::KeysRefused | NoAnswer::NotAuthentic(_))) => true,
            Err(_) => false,
        };
        if is_lost {
            tracing::warn!("the host has other keys: signing on again");
            let desk = desk.clone();
            desk.renew.notify_one();
            *self = Self::Given(MacKeys::HandedOut(desk));
        }
    }

    /// The keys of the next request.
    pub(super) async fn next(&mut self, algorithm: MacAlgorithm) -> Result<RequestKeys, NotSent> {
        match self {
            Self::Given(MacKeys::Configured(key)) => {
                Ok(RequestKeys { request: key.clone(), answer: key.clone(), serial_number: None })
            }
            Self::HandedOut(_, key) => {
                Ok(RequestKeys { request: key.clone(), answer: key.clone(), serial_number: None })
            }
            Self::Given(MacKeys::None | MacKeys::Derived(_) | MacKeys::HandedOut(_)) => Err(NotSent::NoMacKey),
            Self::Derived(dukpt, ledger) => derived(dukpt, ledger, algorithm).await,
        }
    }
}

async fn derived(dukpt: &mut Dukpt, ledger: &KeyLedger, algorithm: MacAlgorithm) -> Result<RequestKeys, NotSent> {
    if let Some(reservation) = dukpt.due() {
        let (written, is_written) = oneshot::channel();
        let reserve = Reserve { reservation: reservation.clone(), written };
        ledger.send(reserve).map_err(|_| NotSent::KeyNotReserved)?;
        is_written.await.map_err(|_| NotSent::KeyNotReserved)?;
        dukpt.reserved(&reservation);
    }
    let keys = dukpt.take(|_| Err(NotSent::KeyNotReserved)).map_err(|error| NotSent::Keys(error.to_string()))?;
    let key = |usage| {
        let key = keys.mac_key(usage, algorithm).map_err(|error| NotSent::Keys(error.to_string()))?;
        Ok::<_, NotSent>(Arc::new(key))
    };
    Ok(RequestKeys {
        request: key(KeyUsage::MacGeneration)?,
        answer: key(KeyUsage::MacVerification)?,
        serial_number: Some(keys.serial_number().clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supply(last_reserved: u32) -> (KeySupply, mpsc::UnboundedReceiver<Reserve>) {
        let initial_key = InitialKey::aes(&[7; 16], &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        let (ledger, reservations) = mpsc::unbounded_channel();
        let mut supply = KeySupply::Given(MacKeys::Derived(initial_key));
        supply.derive_after(last_reserved, ledger);
        (supply, reservations)
    }

    #[tokio::test]
    async fn no_key_is_used_before_it_is_written_down() {
        let (mut supply, mut reservations) = supply(0);
        let write = async {
            let Reserve { reservation, written } = reservations.recv().await.unwrap();
            assert_eq!(reservation.last_counter, 16);
            tokio::task::yield_now().await;
            written.send(()).unwrap();
            reservation.last_counter
        };
        let (keys, last_counter) = tokio::join!(supply.next(MacAlgorithm::AesCmac), write);
        assert_eq!(keys.unwrap().serial_number.unwrap().to_string(), "010203040506070800000001");
        // Those that are written down need nobody; one that can't be is not used.
        for _ in 1..last_counter {
            assert!(supply.next(MacAlgorithm::AesCmac).await.is_ok());
        }
        let (refused, ()) = tokio::join!(supply.next(MacAlgorithm::AesCmac), async {
            drop(reservations.recv().await.unwrap());
        });
        assert_eq!(refused.unwrap_err(), NotSent::KeyNotReserved);
        drop(reservations);
        assert_eq!(supply.next(MacAlgorithm::AesCmac).await.unwrap_err(), NotSent::KeyNotReserved);
    }

    #[tokio::test]
    async fn an_initial_key_without_a_ledger_gives_no_key() {
        let initial_key = InitialKey::aes(&[7; 16], &[1; 8]).unwrap();
        let mut supply = KeySupply::Given(MacKeys::Derived(initial_key));
        assert_eq!(supply.next(MacAlgorithm::AesCmac).await.unwrap_err(), NotSent::NoMacKey);
    }
}
