//! A terminal that takes no transactions, because its journal is damaged: until an operator has decided, it says so to
//! everybody, and does nothing else.

use tokio::sync::mpsc;

use super::fault::Fault;
use super::handle::{Call, Reply, Status, Terminal};
use super::view::Change;
use crate::config::Mode;

impl Terminal {
    /// Starts one, on the caller's runtime. It lives until it is told to stop, and keeps `changes` open until then.
    pub fn closed(mode: Mode, fault: Fault, changes: mpsc::UnboundedSender<Change>) -> (Self, Status) {
        let status = Status { fault: Some(fault.clone()), ..Status::idle(mode) };
        let (terminal, mut calls) = Terminal::new();
        let told = status.clone();
        tokio::spawn(async move {
            let _changes = changes;
            while let Some(call) = calls.recv().await {
                match call {
                    Call::Status(reply) => answer(reply, Ok(told.clone())),
                    Call::Stop(reply) => return answer(reply, Ok(())),
                    Call::Create(_, reply) | Call::Find(_, reply) => answer(reply, Err(fault.clone())),
                    Call::FollowUp(_, reply) => answer(reply, Err(fault.clone())),
                    Call::Cancel(_, reply) => answer(reply, Err(fault.clone())),
                    Call::List { reply, .. } => answer(reply, Err(fault.clone())),
                    Call::Receipt(_, _, reply) => answer(reply, Err(fault.clone())),
                    Call::TestHost(reply) => answer(reply, Err(fault.clone())),
                }
            }
        });
        (terminal, status)
    }
}

/// Answers a caller, who may have gone.
fn answer<T>(reply: Reply<T>, answer: Result<T, Fault>) {
    let _ = reply.send(answer);
}
