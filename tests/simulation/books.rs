//! What everybody knows in the end: the merchant, the journal and the host. They must agree.

use std::collections::{BTreeMap, BTreeSet};

use emv::fields::Amount;
use tender_sim::acquirer::{Kind, Ledger};
use tenderd::journal::Journal;
use tenderd::terminal::TransactionType::{self, Purchase};
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
    pub(crate) fn asked_for(&self) -> Vec<Token> {
        self.requests.keys().cloned().collect()
    }

    /// The sales that somebody was told are paid, and with how much.
    pub(crate) fn sold(&self) -> Vec<(Token, Amount)> {
        let is_sale = |token: &Token| self.requests.get(token).is_some_and(|request| request.kind == Purchase);
        let paid = self.told.iter().filter(|(token, _)| is_sale(token));
        paid.filter_map(|(token, (_, amount))| Some((token.clone(), (*amount)?))).collect()
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

    /// How many transactions came to which end.
    pub(crate) fn tally(&self) -> BTreeMap<&'static str, u64> {
        self.told.values().fold(BTreeMap::new(), |mut tally, (result, _)| {
            *tally.entry(result.name()).or_default() += 1;
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
        for token in self.asked_for() {
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
        for sale in &host.entries {
            let (refunded, voided) = (host.given_back(sale, Kind::Refund), host.given_back(sale, Kind::Void));
            if refunded + voided > sale.stands() {
                self.complain(format!("of {sale:?}, {refunded} are refunded and {voided} are voided"));
            }
        }
        let mut stans: Vec<u64> = host.entries.iter().map(|entry| entry.stan).collect();
        stans.sort_unstable();
        if let Some(pair) = stans.windows(2).find(|pair| pair[0] == pair[1]) {
            self.complain(format!("STAN {} was used for two requests", pair[0]));
        }
    }

    /// Refunds never come to more than what they refund, and what is voided is neither refunded nor voided again.
    fn compare_with_follow_ups(&mut self, token: &Token, journal: &Journal, follow_ups: &[Transaction]) {
        let approved = |kind: TransactionType| {
            let such = follow_ups.iter().filter(move |each| each.request().kind == kind);
            such.filter_map(Transaction::approved_amount).map(Amount::minor_units).sum::<u64>()
        };
        let original = journal.find(token).ok().flatten();
        let original = original.and_then(|sale| sale.approved_amount()).map_or(0, Amount::minor_units);
        let (refunded, voided) = (approved(TransactionType::Refund), approved(TransactionType::Void));
        if refunded + voided > original {
            self.complain(format!("of {token}, {original}, there are refunded {refunded} and voided {voided}"));
        }
    }
}
