//! Readers of the PC/SC service (pcscd).
//!
//! One thread, the [`watch`], keeps a single SCardGetStatusChange without time-out on all readers and on the notice of
//! new ones; it tells each reader's thread what is in its field. So nothing polls, nothing has to be cancelled, and the
//! race of SCardCancel with a time-out (pcsc-lite 1.9.9) cannot come up. The readers' threads connect, transmit and
//! disconnect, each with a context of its own, because pcsc-lite serialises the calls of one context.

mod slot;
mod socket_notice;
mod stop;
mod watch;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::family::Families;
use super::{ChannelError, Clock, Events};

/// Which PC/SC readers to use, and how.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What is known of products.
    pub families: Families,
    /// If not empty, only readers whose names contain one of these are used, excluded words or not.
    pub only: Vec<String>,
}

impl Settings {
    fn takes(&self, reader_name: &str) -> bool {
        if self.only.is_empty() {
            !self.families.excludes(reader_name)
        } else {
            self.only.iter().any(|part| reader_name.contains(part.as_str()))
        }
    }
}

/// The PC/SC readers of this machine, present and future. Dropping it stops them.
pub struct PcscReaders {
    stop: Arc<stop::Stop>,
    thread: Option<JoinHandle<()>>,
}

impl PcscReaders {
    /// Starts to look for readers. Returns at once, whether the service is there or not.
    ///
    /// # Errors
    /// If the system gives no thread, or no file descriptor to stop it with.
    pub fn start(settings: Settings, clock: Clock, events: Events) -> std::io::Result<Self> {
        let stop = Arc::new(stop::Stop::new()?);
        let watch = watch::Watch::new(settings, clock, events, stop.clone());
        let thread = std::thread::Builder::new().name("pcsc-watch".into()).spawn(move || watch.run())?;
        Ok(PcscReaders { stop, thread: Some(thread) })
    }
}

impl Drop for PcscReaders {
    /// Ends all readers' threads, each after the conversation it may be in; those that don't come back are left behind.
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.stop.request();
        // A cancellation that comes just before the wait begins is lost, so it is repeated.
        while !thread.is_finished() {
            self.stop.cancel();
            std::thread::sleep(Duration::from_millis(2));
        }
        // A panic of the thread was reported when it happened.
        let _ = thread.join();
    }
}

impl From<::pcsc::Error> for ChannelError {
    fn from(error: ::pcsc::Error) -> Self {
        use ::pcsc::Error as E;
        match error {
            E::RemovedCard | E::NoSmartcard | E::ResetCard | E::UnpoweredCard | E::NotTransacted => {
                ChannelError::CardLost
            }
            E::UnresponsiveCard | E::UnsupportedCard | E::ProtoMismatch => ChannelError::Unresponsive,
            E::SharingViolation => ChannelError::InUse,
            E::ReaderUnavailable | E::UnknownReader => ChannelError::ReaderLost,
            // The communication that failed is the library's with the service; the card's is NotTransacted.
            E::NoService | E::ServiceStopped | E::InvalidHandle | E::CommError => ChannelError::ServiceLost,
            E::InsufficientBuffer => ChannelError::ResponseTooLong,
            other => ChannelError::Pcsc(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_readers_outweighs_the_excluded_words() {
        let mut settings = Settings::default();
        assert!(settings.takes("Virtual PCD 00 00"));
        assert!(!settings.takes("Some SAM 00 00"));
        settings.only = vec!["SAM".into()];
        assert!(settings.takes("Some SAM 00 00"));
        assert!(!settings.takes("Virtual PCD 00 00"));
    }
}
