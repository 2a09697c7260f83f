//! The Python with the peers that nobody here wrote.

use std::ffi::OsString;
use std::io::{Write, stderr};
use std::process::Command;

/// The Python that `TENDER_PYTHON` names, in which `tests/peers/requirements.txt` is installed; without it, says why the
/// test does nothing.
pub(crate) fn python() -> Option<OsString> {
    let python = std::env::var_os("TENDER_PYTHON");
    if python.is_none() {
        // Past the capture of the test harness, which hides what a test that passed has printed.
        let _ =
            writeln!(stderr(), "skipped: TENDER_PYTHON names no Python with tests/peers/requirements.txt installed");
    }
    python
}

/// A script of `tests/peers`, to be run with these arguments.
pub(crate) fn script(python: &OsString, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(python);
    command.args(["-W", "ignore"]).arg(format!("{}/tests/peers/{name}", env!("CARGO_MANIFEST_DIR"))).args(arguments);
    command
}
