//! How long the operations of this crate take, and how often they ask for memory.
//!
//! `cargo bench -p emv --bench times`

mod operations;

use std::fmt;

use divan::{AllocProfiler, Bencher};
use operations::transaction::{KERNEL_2, KERNEL_3, Payment};
use operations::{ALL, Operation};

/// Counts what each operation allocates.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench(args = ALL)]
fn operation(bencher: Bencher<'_, '_>, operation: &Operation) {
    let run = (operation.prepare)();
    bencher.bench_local(run);
}

/// A kernel's step: from the card's answer to the command with this name, to the kernel's next one.
#[derive(Clone, Copy)]
struct Step {
    command: &'static str,
    number: usize,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.number + 1, self.command)
    }
}

fn steps(payment: &Payment) -> impl Iterator<Item = Step> {
    // The first is SELECT.
    payment.exchange.iter().skip(1).enumerate().map(|(number, (command, _))| Step { command, number })
}

#[divan::bench(args = steps(&KERNEL_2))]
fn from_answer_to_command_kernel_2(bencher: Bencher<'_, '_>, step: Step) {
    step_of(&KERNEL_2, bencher, step);
}

#[divan::bench(args = steps(&KERNEL_3))]
fn from_answer_to_command_kernel_3(bencher: Bencher<'_, '_>, step: Step) {
    step_of(&KERNEL_3, bencher, step);
}

fn step_of(payment: &Payment, bencher: Bencher<'_, '_>, step: Step) {
    let prepared = payment.prepare();
    bencher
        .with_inputs(|| prepared.waiting_for(step.number))
        .bench_local_refs(|kernel| prepared.answer(step.number, kernel));
}
