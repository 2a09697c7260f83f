//! What may be approved without the acquirer.
//!
//! A tap is told before it begins which schemes' cards may approve offline. Those of the others go online, for which their
//! floor limits are zero; and until it has ended it counts in every limit that it may come to touch, so that two at once
//! never come to more than one of them admits.

use std::sync::Arc;

use emv::profile::Profile;

use super::super::{OnlineMode, Prospect, Reason, Request, TapOutcome, Token};
use super::Engine;

impl Engine {
    /// The profile for the tap of this transaction, which counts as under way from now on.
    pub(super) fn profile_for_tap(&mut self, request: &Request) -> Arc<Profile> {
        self.prospects.retain(|token, _| {
            let awaits_tap = self.open.get(token).is_some_and(|open| open.transaction().awaits_first_tap());
            *token != request.token && (awaits_tap || self.interrupted.contains_key(token))
        });
        let under_way: Vec<Prospect> = self.prospects.values().cloned().collect();
        let is_admitted = |scheme: &&str| {
            request.online_mode() != OnlineMode::RequireOnline
                && self.is_within_limits(&prospect(request, vec![(*scheme).to_owned()]), &under_way)
        };
        let schemes: Vec<String> = self.config.schemes().filter(is_admitted).map(str::to_owned).collect();
        let profile = self.config.profile_where_offline(|scheme| schemes.iter().any(|admitted| admitted == scheme));
        if !schemes.is_empty() {
            self.prospects.insert(request.token.clone(), prospect(request, schemes));
        }
        profile
    }

    /// Why a tap that ended so does not end the transaction as its kernel says, if so.
    pub(super) fn refuses(&self, token: &Token, outcome: TapOutcome, scheme: Option<&str>) -> Option<Reason> {
        let transaction = self.open.get(token)?.transaction();
        if transaction.awaits_second_tap() {
            return None;
        }
        let request = transaction.request();
        request.refuses(Some(outcome)).or_else(|| {
            // What was not written for sure may be in the journal.
            let unsure = self.prospects.iter().filter(|(other, _)| self.interrupted.contains_key(other));
            let unsure: Vec<Prospect> = unsure.map(|(_, prospect)| prospect.clone()).collect();
            let new = prospect(request, scheme.map(str::to_owned).into_iter().collect());
            let is_refused = outcome == TapOutcome::Approved && !self.is_within_limits(&new, &unsure);
            is_refused.then_some(Reason::OfflineLimitReached)
        })
    }

    fn is_within_limits(&self, new: &Prospect, under_way: &[Prospect]) -> bool {
        let now = (self.inputs.now)();
        self.config.offline.limits.iter().all(|limit| limit.admits(new, self.queue.totals(), under_way, now))
    }
}

fn prospect(request: &Request, schemes: Vec<String>) -> Prospect {
    Prospect { schemes, amount: request.amount, currency: request.currency }
}
