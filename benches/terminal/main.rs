//! What the terminal costs: in a tap, at its start, and while nothing happens.
//!
//! `make bench`, or `cargo bench --bench terminal`. It measures the released program as a process of its own, on a
//! private bus and, where it can, with a private pcscd and its virtual readers. The simulated cards compute real
//! signatures in this process, beside what is measured.

mod idle;
mod kernel;
mod latency;
#[path = "../../tests/support/pcscd.rs"]
mod pcscd;
#[path = "../../tests/support/register.rs"]
mod register;
mod stand;
mod table;
#[path = "../../tests/support/terminal.rs"]
mod terminal;

use std::path::Path;
use std::process::{Command, ExitCode};

use pcscd::{Pcscd, SOCKET_VARIABLE};
use stand::Stand;
use terminal::Readers;

fn main() -> ExitCode {
    if let Some(reason) = pcscd::unavailable() {
        print_machine();
        println!("Without PC/SC, because {reason}.");
        latency::simulated();
        let simulated = Readers::Simulated(&["visa-online"]);
        the_rest(simulated, vec![("simulated reader", Stand::new(simulated))]);
        return ExitCode::SUCCESS;
    }
    let Some(socket) = std::env::var_os(SOCKET_VARIABLE) else { return with_own_pcscd() };
    let directory = Path::new(&socket).parent().expect("set below, to a file in a directory");
    let mut pcscd = Pcscd::new(directory).expect("a directory of our own can be written");
    pcscd.start();
    print_machine();
    latency::with_pcsc(&pcscd);
    let idle = vec![("pcscd, 2 readers", Stand::new(Readers::Pcsc)), ("no pcscd", Stand::without_service())];
    the_rest(Readers::Pcsc, idle);
    ExitCode::SUCCESS
}

/// Runs this program again, in an environment where PC/SC is a pcscd of its own.
fn with_own_pcscd() -> ExitCode {
    let directory = tempfile::tempdir().expect("the temporary directory can be written");
    let status = Command::new(std::env::current_exe().expect("a running program has a path"))
        .env(SOCKET_VARIABLE, directory.path().join("pcscd.comm"))
        .status()
        .expect("this program can be run again");
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn the_rest(readers: Readers<'_>, idle: Vec<(&str, Stand)>) {
    kernel::measure();
    idle::starts(readers);
    idle::idle(idle);
}

/// On what this was measured: figures of a busy machine are not those of an idle one.
fn print_machine() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    println!("Measured on {cores} cores with a load of {load} before it began. Where the load is near the number of");
    println!(
        "cores or above, waiting for the processor is in every time but the kernels' own: look at the least, and repeat.\n"
    );
    if cfg!(debug_assertions) {
        println!("NOT A RELEASE BUILD: times, memory and size are those of a program that nobody ships.\n");
    }
    table::print_head();
}
