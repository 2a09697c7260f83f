//! What the daemon costs before anything happens: its start, its memory, its size, its wake-ups.

use std::fs;
use std::time::Duration;

use crate::stand::{Stand, TENDERD};
use crate::table::{Aim, Samples, print_row, print_section};
use crate::terminal::Readers;

const STARTS: usize = 20;
/// How long a daemon is left alone before it counts as idle: it asks for an absent PC/SC service for a while.
const SETTLING: Duration = Duration::from_secs(20);
const IDLE: Duration = Duration::from_secs(20);

/// Measures from the start of the process to its name on the bus.
pub(crate) fn starts(readers: Readers<'_>) {
    print_section("Start of the daemon, from before the process is to its name on the bus");
    let mut stand = Stand::new(readers);
    let (mut first, mut later) = (Samples::default(), Samples::default());
    for _ in 0..STARTS {
        stand.forget();
        first.push_ms(stand.start("info"));
        stand.stop();
        later.push_ms(stand.start("info"));
        stand.stop();
    }
    print_row("with a journal", "ms", &later, Aim::Under(30.0));
    print_row("without: it makes one", "ms", &first, Aim::None);
}

/// Measures daemons that have nothing to do.
pub(crate) fn idle(mut stands: Vec<(&str, Stand)>) {
    print_section(&format!("Idle, for {} s", IDLE.as_secs()));
    for (_, stand) in &mut stands {
        stand.start("info");
    }
    std::thread::sleep(SETTLING);
    let before: Vec<u64> = stands.iter().map(|(_, stand)| wake_ups(stand.terminal.process())).collect();
    std::thread::sleep(IDLE);
    for ((title, stand), before) in stands.iter().zip(before) {
        let process = stand.terminal.process();
        let per_minute = (wake_ups(process) - before) as f64 * 60.0 / IDLE.as_secs_f64();
        print_row(&format!("{title}: wake-ups a minute, all threads"), "", &per_minute.into(), Aim::Under(0.0));
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        let mebibytes = |key| field(&status, key) as f64 / 1024.0;
        print_row(&format!("{title}: resident memory"), "MiB", &mebibytes("VmRSS:").into(), Aim::Under(8.0));
        print_row(
            &format!("{title}: of this its own, not the program's file"),
            "MiB",
            &mebibytes("RssAnon:").into(),
            Aim::None,
        );
    }
    let size = fs::metadata(TENDERD).expect("it was built with this program").len();
    print_row("tenderd, the program's file, stripped", "MB", &(size as f64 / 1e6).into(), Aim::Under(8.0));
}

/// How often the threads of a process went to sleep, which is how often they woke.
fn wake_ups(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let statuses = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    statuses.map(|status| field(&status, "voluntary_ctxt_switches:")).sum()
}

/// The number behind a key of /proc.
fn field(status: &str, key: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok());
    value.expect("Linux tells it")
}
