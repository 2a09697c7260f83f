//! EMV contactless as sans-IO state machines.
//!
//! A terminal owns the reader, the clock and the randomness; this crate owns what the EMV books
//! define. It reads no clock, draws no random number, opens nothing and never waits: whoever drives
//! it feeds what happened and carries out what it asks for. The same inputs give the same outputs,
//! byte for byte, so a recorded tap can be run again.
//!
//! [`tap::Tap`] takes a payment. This is the loop that drives one, on a reader that blocks:
//!
//! ```
//! use emv::Instant;
//! use emv::kernel::{Outcome, UiRequest};
//! use emv::tap::{Input, Output, Tap};
//!
//! /// What the terminal has to offer.
//! trait Terminal {
//!     fn now(&self) -> Instant;
//!     fn show(&mut self, request: UiRequest);
//!     fn wait_for_card(&mut self);
//!     fn wait_for_removal(&mut self);
//!     fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>>;
//!     fn authorise(&mut self, outcome: &Outcome) -> Option<Vec<u8>>;
//!     fn sleep_until(&mut self, moment: Instant);
//! }
//!
//! fn run(mut tap: Tap, terminal: &mut impl Terminal) -> Outcome {
//!     let mut deadline = None;
//!     loop {
//!         match tap.poll() {
//!             Some(Output::Ui(request)) => terminal.show(request),
//!             Some(Output::Record(event)) => println!("{event:?}"),
//!             Some(Output::FieldOn | Output::FieldOff { .. }) => { /* as far as the reader can */ }
//!             Some(Output::Poll) => {
//!                 terminal.wait_for_card();
//!                 tap.handle(Input::CardPresent, terminal.now());
//!             }
//!             Some(Output::Transmit(command)) => {
//!                 tap.handle(Input::Sent, terminal.now());
//!                 match terminal.transmit(&command.to_bytes()) {
//!                     Some(response) => tap.handle(Input::Response(&response), terminal.now()),
//!                     None => tap.handle(Input::CardLost, terminal.now()),
//!                 }
//!             }
//!             Some(Output::DataExchange { .. }) => { /* this terminal takes no part in it */ }
//!             Some(Output::AwaitRemoval) => {
//!                 terminal.wait_for_removal();
//!                 tap.handle(Input::CardRemoved, terminal.now());
//!             }
//!             Some(Output::AwaitOnlineResponse(outcome)) => {
//!                 let response = terminal.authorise(&outcome);
//!                 tap.handle(Input::OnlineResponse(response.as_deref()), terminal.now());
//!             }
//!             Some(Output::Finished(outcome)) => return outcome,
//!             Some(Output::Wait(moment)) => deadline = Some(moment),
//!             None => {
//!                 terminal.sleep_until(deadline.take().expect("it waits for something"));
//!                 tap.handle(Input::Deadline, terminal.now());
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! A terminal that does several things at once polls until there is nothing more, and then waits for
//! whichever comes first: what the last output asked for, the moment of a `Wait`, or the cashier, who
//! cancels.

#![no_std]

extern crate alloc;

pub mod apdu;
pub mod dict;
pub mod entry;
pub mod fields;
mod instant;
pub mod kernel;
pub mod oda;
pub mod profile;
pub mod tap;
pub mod tlv;

pub use instant::Instant;
