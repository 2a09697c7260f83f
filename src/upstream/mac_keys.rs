//! The keys of message MACs, as a link takes them.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::failure::NotSent;
use crate::keys::{Dukpt, InitialKey, InitialKeyId, KeyReservation, KeySerialNumber, KeyUsage, MacAlgorithm, MacKey};

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
}

impl MacKeys {
    /// By which the initial key is known, where keys are derived from one.
    pub(super) fn initial_key_id(&self) -> Option<InitialKeyId> {
        match self {
            Self::Derived(initial_key) => Some(initial_key.id()),
            Self::None | Self::Configured(_) => None,
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

    /// The keys of the next request.
    pub(super) async fn next(&mut self, algorithm: MacAlgorithm) -> Result<RequestKeys, NotSent> {
        match self {
            Self::Given(MacKeys::Configured(key)) => {
                Ok(RequestKeys { request: key.clone(), answer: key.clone(), serial_number: None })
            }
            Self::Given(MacKeys::None | MacKeys::Derived(_)) => Err(NotSent::NoMacKey),
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
