//! How many instructions the operations of this crate take, as callgrind counts them.
//!
//! `cargo bench -p emv --bench instructions`
//!
//! The program runs itself under valgrind: each operation once, and then some more times, so that what is
//! needed to prepare it drops out of the difference.

mod operations;

use std::env;
use std::process::Command;

use operations::{ALL, Operation};

/// How much more often an operation is run the second time.
const TIMES: u64 = 100;

fn main() {
    let mut arguments = env::args().skip(1);
    match (arguments.next(), arguments.next().map(|times| times.parse())) {
        (Some(name), Some(Ok(times))) => run(&name, times),
        _ => count_all(),
    }
}

fn run(name: &str, times: u64) {
    let operation = ALL.iter().find(|operation| operation.name == name).expect("the name of an operation");
    let once = (operation.prepare)();
    (0..times).for_each(|_| once());
}

fn count_all() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: instructions are not counted");
        return;
    }
    println!("{:<34} instructions", "operation");
    for operation in ALL {
        let more = counted(operation, 1 + TIMES) - counted(operation, 1);
        println!("{:<34} {:>12}", operation.name, more / TIMES);
    }
}

/// What the program executes altogether to run the operation this often.
fn counted(operation: &Operation, times: u64) -> u64 {
    let program = env::current_exe().expect("the path of this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([operation.name, &times.to_string()])
        .output()
        .expect("valgrind, which is there");
    let report = String::from_utf8_lossy(&output.stderr);
    let collected = report.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.unwrap_or_else(|| panic!("no count in the report of valgrind: {report}"));
    count.trim().parse().expect("a number")
}
