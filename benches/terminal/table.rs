//! Measurements, and the table that they are printed as.

use std::time::Duration;

/// Repeated measurements of one thing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Takes one more, in whatever unit the row is printed with.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Takes one more, in milliseconds.
    pub(crate) fn push_ms(&mut self, time: Duration) {
        self.push(time.as_secs_f64() * 1e3);
    }

    /// The middle one, or the mean of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
    }

    fn sorted(&self) -> Vec<f64> {
        assert!(!self.0.is_empty(), "whatever is printed was measured");
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl From<f64> for Samples {
    fn from(value: f64) -> Self {
        Samples(vec![value])
    }
}

/// What a figure should stay under.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    /// Nobody has set one.
    None,
    /// At most this, in the row's unit.
    Under(f64),
}

/// Prints the table's head.
pub(crate) fn print_head() {
    println!("{:<56}{:>10}  {:<22}{:>6}  aim", "", "median", "min .. max", "runs");
}

/// Prints what the rows that follow are about.
pub(crate) fn print_section(title: &str) {
    println!("\n{title}");
}

/// Prints a row; nothing where there is nothing to print.
pub(crate) fn print_row(name: &str, unit: &str, samples: &Samples, aim: Aim) {
    let sorted = samples.sorted();
    let (median, runs) = (samples.median(), sorted.len());
    let spread = match &sorted[..] {
        [_] => String::new(),
        [min, .., max] => format!("{} .. {}", figure(*min), figure(*max)),
        [] => unreachable!("checked by sorted"),
    };
    let aim = match aim {
        Aim::None => String::new(),
        Aim::Under(limit) if median <= limit => format!("{limit} {unit}: met"),
        Aim::Under(limit) => format!("{limit} {unit}: MISSED"),
    };
    let line = format!("  {name:<52}{:>12} {unit:<3} {spread:<22}{runs:>4}  {aim}", figure(median));
    println!("{}", line.trim_end());
}

/// Three digits that matter.
fn figure(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
