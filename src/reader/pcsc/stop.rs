//! How the watch is told to end, whatever it waits for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pcsc::Context;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// The request to end, and what makes a wait hear it.
pub(super) struct Stop {
    requested: AtomicBool,
    /// Can be read once the end is requested.
    bell: OwnedFd,
    /// What the watch waits with for readers and cards.
    context: Mutex<Option<Context>>,
}

impl Stop {
    pub(super) fn new() -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC)?;
        Ok(Stop { requested: AtomicBool::new(false), bell, context: Mutex::new(None) })
    }

    pub(super) fn request(&self) {
        self.requested.store(true, Ordering::Release);
        // It can only fail where the counter is full.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    pub(super) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }

    /// Ends the wait for readers and cards that is under way. One that is about to begin does not hear it.
    pub(super) fn cancel(&self) {
        if let Some(context) = &*self.context() {
            // It can only fail where the service is gone, and then nothing waits.
            let _ = context.cancel();
        }
    }

    /// What is waited with from now on, and can be cancelled.
    pub(super) fn set_context(&self, context: Option<Context>) {
        *self.context() = context;
    }

    fn context(&self) -> MutexGuard<'_, Option<Context>> {
        // It guards nothing that a panic could leave half done.
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to read, or this time is over, or the end is requested. Without a time it waits
    /// for the others as long as it takes.
    pub(super) fn wait(&self, readable: Option<BorrowedFd<'_>>, delay: Option<Duration>) {
        let delay = delay.and_then(|delay| Timespec::try_from(delay).ok());
        let bell = self.bell.as_fd();
        let mut descriptors = [bell, readable.unwrap_or(bell)].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        // A wait that a signal interrupts, or that the system refuses, ends early; who waits looks again anyway.
        let _ = poll(&mut descriptors, delay.as_ref());
    }
}
