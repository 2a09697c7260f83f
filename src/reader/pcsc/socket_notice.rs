//! The notice that the service's socket was made: so nobody has to ask for a service that is not there.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

/// Where pcsc-lite looks for its service, and which variable says otherwise.
const SOCKET: &str = "/run/pcscd/pcscd.comm";
const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";

/// Can be read once something changed where the socket is to be.
pub(super) struct SocketNotice(OwnedFd);

impl SocketNotice {
    /// Takes note of changes from now on.
    ///
    /// # Errors
    /// If the system has no more such notices to give.
    pub(super) fn new() -> io::Result<Self> {
        let socket = std::env::var_os(SOCKET_VARIABLE).unwrap_or_else(|| OsString::from(SOCKET));
        SocketNotice::on(&PathBuf::from(socket))
    }

    /// The folder of the socket is looked at, or as much of the way to it as there is.
    fn on(socket: &Path) -> io::Result<Self> {
        let changes = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB | WatchFlags::DELETE_SELF;
        let notice = init(CreateFlags::CLOEXEC)?;
        let mut result = Err(io::ErrorKind::NotFound.into());
        for folder in socket.ancestors().skip(1) {
            result = add_watch(&notice, folder, changes | WatchFlags::ONLYDIR).map_err(io::Error::from);
            if result.is_ok() {
                break;
            }
        }
        result.map(|_| SocketNotice(notice))
    }
}

impl AsFd for SocketNotice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    /// Whether something changed already.
    fn is_given(notice: &SocketNotice) -> bool {
        let now = Timespec::try_from(Duration::ZERO).unwrap();
        poll(&mut [PollFd::new(notice, PollFlags::IN)], Some(&now)).unwrap() == 1
    }

    #[test]
    fn a_socket_that_is_made_is_noticed_and_so_is_its_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("pcscd");
        let socket = folder.join("pcscd.comm");

        let notice = SocketNotice::on(&socket).unwrap();
        assert!(!is_given(&notice));
        std::fs::create_dir(&folder).unwrap();
        assert!(is_given(&notice));

        let notice = SocketNotice::on(&socket).unwrap();
        std::fs::write(root.path().join("other"), "").unwrap();
        assert!(!is_given(&notice), "what happens elsewhere is no notice");
        std::fs::write(&socket, "").unwrap();
        assert!(is_given(&notice));
    }
}
