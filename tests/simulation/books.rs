//! What everybody knows in the end: the merchant, the journal and the host. They must agree.

use std::collections::{BTreeMap, BTreeSet};

use emv::fields::Amount;
use tender_sim::acquirer::{Kind, Ledger};
use tenderd::journal::Journal;
use tenderd::terminal::TransactionType::{self, Adjustment, Capture, Increment, Purchase, Refund, Release, Void};
use tenderd::terminal::{FinalResult, Request, Token, Transaction};

/// Numbers of the cards that are used: none of them may be seen in clear.
const PANS: [&str; 2] = ["4761739001010119", "5413330089601034"];

/// An end as somebody is told it: what became of it, and the amount that is approved.
pub(crate) type Ending = (FinalResult, Option<Amount>);

/// What registers asked for, and what they were told.
#[derive(Debug, Default)]
pub(crate) struct Books {
    requests: BTreeMap<Token, Request>,
    told: BTreeMap<Token, Ending>,
    /// Who was told of which end.
    ended: BTreeSet<(String, Token)>,
    /// What the terminal never took, and nobody wants any more.
    forgotten: BTreeSet<Token>,
    /// The first thing that was wrong.
    complaint: Option<String>,
}

impl Books {
    pub(crate) fn asked(&mut self, request: &Request) {
        self.requests.insert(request.token.clone(), request.clone());
    }

    /// Everything that anybody asked for.
    pub(crate) fn asked_for(&self) -> Vec<(Token, TransactionType)> {
        self.requests.iter().map(|(token, request)| (token.clone(), request.kind)).collect()
    }

    /// The sales that somebody was told are paid, and with how much.
    pub(crate) fn sold(&self) -> Vec<(Token, Amount)> {
        let is_sale = |token: &Token| self.requests.get(token).is_some_and(|request| request.kind == Purchase);
        let paid = self.told.iter().filter(|(token, _)| is_sale(token));
        paid.filter_map(|(token, (_, amount))| Some((token.clone(), (*amount)?))).collect()
    }

    /// What somebody was told is approved.
    pub(crate) fn approved(&self) -> Vec<(Token, TransactionType)> {
        let mut all = self.asked_for();
        all.retain(|(token, _)| self.told.get(token).is_some_and(|(result, _)| *result == FinalResult::Approved));
        all
    }

    /// A register gave up what the terminal had never taken.
    pub(crate) fn forget(&mut self, token: &Token) {
        self.forgotten.insert(token.clone());
    }

    /// What somebody still wants to know the end of.
    pub(crate) fn open(&self) -> Vec<Request> {
        let is_open = |token: &Token| !self.told.contains_key(token) && !self.forgotten.contains(token);
        self.requests.values().filter(|request| is_open(&request.token)).cloned().collect()
    }

    /// Somebody was shown this, in whatever words, and this end of it, if it has one. What one is shown comes in its
    /// order; between two it may cross.
    pub(crate) fn saw(&mut self, who: &str, token: &Token, ending: Option<Ending>, shown: &str) {
        if PANS.iter().any(|pan| shown.contains(pan)) {
            self.complain(format!("{token} shows a card number"));
        }
        let Some(ending) = ending else {
            if self.ended.contains(&(who.to_owned(), token.clone())) {
                let told = self.told[token];
                self.complain(format!("{who} was told that {token} is {told:?}, and then that it is open"));
            }
            return;
        };
        self.ended.insert((who.to_owned(), token.clone()));
        match self.told.insert(token.clone(), ending) {
            Some(before) if before != ending => {
                self.complain(format!("{token} was told {before:?} and then {ending:?}"));
            }
            _ => {}
        }
    }

    pub(crate) fn complain(&mut self, what: String) {
        self.complaint.get_or_insert(what);
    }

    pub(crate) fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// How many transactions came to which end; of those that were approved, of which kind.
    pub(crate) fn tally(&self) -> BTreeMap<String, u64> {
        self.told.iter().fold(BTreeMap::new(), |mut tally, (token, (result, _))| {
            let kind = self.requests.get(token).map(|request| request.kind.name().replace('_', " "));
            let end = match (result, kind) {
                (FinalResult::Approved, Some(kind)) => format!("{kind} approved"),
                _ => result.name().to_owned(),
            };
            *tally.entry(end).or_default() += 1;
            tally
        })
    }

    /// Compares everything, once all is over.
    pub(crate) fn reconcile(&mut self, journal: &Journal, host: &Ledger) {
        if let Err(error) = journal.verify() {
            return self.complain(error.to_string());
        }
        // Follow-ups of which nobody was told are in the journal alone.
        let mut requests = self.requests.clone();
        for (token, _) in self.asked_for() {
            let Ok(follow_ups) = journal.follow_ups(&token) else { continue };
            self.compare_with_follow_ups(&token, journal, &follow_ups);
            requests.extend(follow_ups.into_iter().map(|each| (each.token().clone(), each.request().clone())));
        }
        let mut paid = 0;
        for (token, request) in requests {
            let transaction = match journal.find(&token) {
                Ok(Some(transaction)) => transaction,
                Ok(None) => {
                    if !self.forgotten.contains(&token) {
                        self.complain(format!("the journal does not know {token}"));
                    }
                    continue;
                }
                Err(error) => return self.complain(error.to_string()),
            };
            let Some(result) = transaction.result() else {
                self.complain(format!("{token} came to no end: {:?}", transaction.phase()));
                continue;
            };
            if transaction.is_advice_outstanding() {
                self.complain(format!("the host was not told of {token}"));
            }
            if self.told.get(&token).is_some_and(|(told, _)| *told != result) {
                self.complain(format!(
                    "{token}: the merchant was told {:?}, the journal says {result:?}",
                    self.told[&token]
                ));
            }
            let approved = transaction.approved_amount();
            if approved.is_some_and(|approved| approved != request.amount && !request.accept_partial) {
                self.complain(format!("{token}: a part was approved, and all was wanted"));
            }
            let entries: Vec<_> = match transaction.message_to_acquirer() {
                Some(message) => host.entries.iter().filter(|entry| entry.rrn == message.rrn.as_str()).collect(),
                None => Vec::new(),
            };
            let stands: u64 = entries.iter().map(|entry| entry.stands()).sum();
            let owed = approved.map_or(0, Amount::minor_units);
            if stands != owed {
                let asked = request.amount;
                self.complain(format!(
                    "{token} of {asked:?} ended as {result:?}, {owed} are owed and the host books {stands}"
                ));
            }
            paid += owed;
        }
        if host.total() != paid {
            self.complain(format!("the host books {} in all, and the journal {paid}", host.total()));
        }
        if host.unauthenticated > 0 {
            self.complain(format!("{} messages had a wrong MAC, or a key that was used before", host.unauthenticated));
        }
        for entry in &host.entries {
            let (refunded, voided) = (host.given_back(entry, Kind::Refund), host.given_back(entry, Kind::Void));
            if refunded + voided > host.whole(entry) {
                self.complain(format!("of {entry:?}, {refunded} are refunded and {voided} are voided"));
            }
            let collected = host.collected(entry);
            if collected > host.whole(entry) {
                self.complain(format!("of {entry:?}, {collected} are collected"));
            }
        }
        let mut stans: Vec<u64> = host.entries.iter().map(|entry| entry.stan).collect();
        stans.sort_unstable();
        if let Some(pair) = stans.windows(2).find(|pair| pair[0] == pair[1]) {
            self.complain(format!("STAN {} was used for two requests", pair[0]));
        }
    }

    /// Refunds never come to more than what they refund, and what is voided is neither refunded nor voided again. What is
    /// held is captured or released once, with what was added and no more.
    fn compare_with_follow_ups(&mut self, token: &Token, journal: &Journal, follow_ups: &[Transaction]) {
        let is_voided = |refund: &Transaction| {
            let voids = journal.follow_ups(refund.token()).unwrap_or_default();
            refund.request().kind == Refund && voids.iter().any(|void| void.approved_amount().is_some())
        };
        let standing: Vec<_> = follow_ups.iter().filter(|each| !is_voided(each)).collect();
        let approved = |kind: TransactionType| {
            let such = standing.iter().filter(move |each| each.request().kind == kind);
            such.filter_map(|each| each.approved_amount()).map(Amount::minor_units).collect::<Vec<_>>()
        };
        let sum = |kind| approved(kind).iter().sum::<u64>();
        let original = journal.find(token).ok().flatten();
        let original = original.and_then(|sale| sale.approved_amount()).map_or(0, Amount::minor_units);
        let whole = original + sum(Increment) + sum(Adjustment);
        for (taken, what) in
            [(sum(Refund) + sum(Void), "given back"), (sum(Capture) + sum(Release), "captured and released")]
        {
            if taken > whole {
                self.complain(format!("of {token}, {whole}, there are {taken} {what}"));
            }
        }
        if approved(Capture).len() + approved(Release).len() > 1 {
            self.complain(format!("{token} was captured or released more than once"));
        }
        if approved(Adjustment).len() > 1 {
            self.complain(format!("{token} has more than one tip"));
        }
    }
}
