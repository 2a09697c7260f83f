//! What the acquirer has seen: which money moved, and which came back.

/// All requests for money, in the order they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The requests.
    pub entries: Vec<Entry>,
    /// Reversals, those that found nothing to reverse among them.
    pub reversals: u32,
    /// Network management requests.
    pub network_requests: u32,
    /// Messages about money whose MAC was wrong or missing, or made with a key that was used before. Nothing was done about
    /// them.
    pub unauthenticated: u32,
    /// The key serial numbers that came, where keys are derived.
    pub key_serial_numbers: Vec<String>,
    /// Frames that were no message.
    pub malformed: u32,
}

/// One request for money. It holds no more of the card than a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Message type: 0100, 0200, or 0220 and 0221 for what was approved offline.
    pub mti: String,
    /// Card Acceptor Terminal Identification.
    pub terminal_id: String,
    /// Systems Trace Audit Number.
    pub stan: u64,
    /// Retrieval Reference Number.
    pub rrn: String,
    /// The reference that the acquirer gave it instead, if it did.
    pub own_rrn: Option<String>,
    /// The PAN, first six and last four digits.
    pub pan: String,
    /// What kind of transaction: the first two digits of the processing code.
    pub kind: Kind,
    /// The STAN of the request that it follows up.
    pub original: Option<u64>,
    /// What was asked for, minor units; of an adjustment, what its sale comes to with it.
    pub amount: u64,
    /// Currency (ISO 4217 numeric).
    pub currency: u64,
    /// Whether the card's cryptogram is right.
    pub cryptogram: Cryptogram,
    /// What was decided, whether or not the answer arrived.
    pub response_code: String,
    /// What was approved, minor units; 0 for a decline; of an adjustment, what it adds.
    pub approved: u64,
    /// Whether a reversal took it back.
    pub is_reversed: bool,
}

/// What kind of transaction a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Money from the cardholder, as the processing codes that begin with 0 and 1 have it but for 02.
    Debit,
    /// Money back to the cardholder: processing codes that begin with 2.
    Refund,
    /// A sale, a refund or a completion is undone: processing code 02.
    Void,
    /// An amount is held.
    Hold,
    /// More of it is held.
    Increment,
    /// What is held is collected, in whole or in part.
    Completion,
    /// What is held is given up.
    Release,
    /// A sale comes to more.
    Adjustment,
    /// No money: processing code 38.
    Verification,
}

impl Kind {
    /// What it can follow up.
    fn follows(self) -> &'static [Kind] {
        match self {
            Kind::Refund => &[Kind::Debit, Kind::Completion],
            Kind::Void => &[Kind::Debit, Kind::Completion, Kind::Refund],
            Kind::Increment | Kind::Completion | Kind::Release => &[Kind::Hold],
            Kind::Adjustment => &[Kind::Debit],
            Kind::Debit | Kind::Hold | Kind::Verification => &[],
        }
    }
}

/// What became of the card's cryptogram, or of the code in its magnetic stripe data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cryptogram {
    /// The request has none: a static magnetic stripe.
    Absent,
    /// It is the one this card computes over these data.
    Verified,
    /// It is not.
    Wrong,
}

impl Entry {
    /// What was approved and not reversed, minor units.
    pub fn stands(&self) -> u64 {
        if self.is_reversed { 0 } else { self.approved }
    }
}

impl Ledger {
    /// All that was approved and not reversed, in whichever direction, minor units of whatever currencies.
    pub fn total(&self) -> u64 {
        self.entries.iter().map(Entry::stands).sum()
    }

    /// What merchants are owed in the end, minor units of whatever currencies: sales and what was completed, less refunds
    /// and less what was voided.
    pub fn takings(&self) -> i64 {
        self.entries.iter().map(|entry| self.direction(entry) * entry.stands() as i64).sum()
    }

    /// 1 where the merchant gets the money, -1 where it goes back, 0 where none moves.
    fn direction(&self, entry: &Entry) -> i64 {
        match entry.kind {
            Kind::Debit | Kind::Completion | Kind::Adjustment => 1,
            Kind::Refund => -1,
            Kind::Void => self.original_of(entry).map_or(-1, |original| -self.direction(original)),
            Kind::Hold | Kind::Increment | Kind::Release | Kind::Verification => 0,
        }
    }

    /// What this comes to with all that was added to it, minor units.
    pub fn whole(&self, entry: &Entry) -> u64 {
        let added = |kind| self.follow_ups(entry, kind).map(Entry::stands).sum::<u64>();
        entry.stands() + added(Kind::Increment) + added(Kind::Adjustment)
    }

    /// How much of this went back by follow-ups of this kind, minor units. A refund that was voided gave nothing back.
    pub fn given_back(&self, entry: &Entry, kind: Kind) -> u64 {
        let voided = |follow_up: &Entry| self.follow_ups(follow_up, Kind::Void).map(Entry::stands).sum::<u64>();
        self.follow_ups(entry, kind).map(|follow_up| follow_up.stands() - voided(follow_up)).sum()
    }

    /// How much of a hold was collected, minor units.
    pub fn collected(&self, hold: &Entry) -> u64 {
        self.follow_ups(hold, Kind::Completion).map(Entry::stands).sum()
    }

    fn follow_ups<'a>(&'a self, original: &'a Entry, kind: Kind) -> impl Iterator<Item = &'a Entry> {
        let is_one = move |entry: &&Entry| {
            entry.kind == kind
                && entry.original == Some(original.stan)
                && entry.terminal_id == original.terminal_id
                && kind.follows().contains(&original.kind)
        };
        self.entries.iter().filter(is_one)
    }

    /// What a request follows up.
    fn original_of(&self, entry: &Entry) -> Option<&Entry> {
        let is_it = |original: &&Entry| {
            original.terminal_id == entry.terminal_id
                && Some(original.stan) == entry.original
                && entry.kind.follows().contains(&original.kind)
        };
        self.entries.iter().rev().find(is_it)
    }

    /// Why a follow-up is refused: a response code; nothing where it may be done, or follows up nothing.
    pub(super) fn objection(&self, entry: &Entry) -> Option<&'static str> {
        entry.original?;
        let Some(original) = self.original_of(entry).filter(|original| original.stands() > 0) else {
            return Some("25");
        };
        let whole = self.whole(original);
        let (refunded, voided) = (self.given_back(original, Kind::Refund), self.given_back(original, Kind::Void));
        let ended = |kind| self.follow_ups(original, kind).any(|entry| entry.stands() > 0);
        let is_over = ended(Kind::Completion) || ended(Kind::Release);
        let (is_possible, is_amount_right) = match entry.kind {
            Kind::Refund => (voided == 0, entry.amount <= whole - refunded),
            Kind::Void => (voided == 0 && refunded == 0, entry.amount == whole),
            Kind::Increment => (!is_over, true),
            Kind::Completion => (!is_over, entry.amount <= whole),
            Kind::Release => (!is_over, entry.amount == whole),
            Kind::Adjustment => {
                (voided == 0 && refunded == 0 && !ended(Kind::Adjustment), entry.amount > original.stands())
            }
            Kind::Debit | Kind::Hold | Kind::Verification => (false, false),
        };
        match (original.pan == entry.pan, is_possible, is_amount_right) {
            (false, ..) => Some("14"),
            (_, false, _) => Some("12"),
            (.., false) => Some("13"),
            _ => None,
        }
    }

    /// What an advice adds to the books, minor units.
    pub(super) fn advised(&self, entry: &Entry) -> u64 {
        let before =
            self.original_of(entry).filter(|_| entry.kind == Kind::Adjustment).map_or(0, |sale| self.whole(sale));
        entry.amount - before
    }

    /// The request with this retrieval reference number.
    pub fn find(&self, rrn: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.rrn == rrn)
    }

    /// The request of a terminal that a reversal means: by its reference, the terminal's or the acquirer's, and the
    /// original's STAN.
    pub(super) fn original(&mut self, terminal_id: &str, rrn: &str, stan: u64) -> Option<&mut Entry> {
        let is_known_as = |entry: &Entry| entry.rrn == rrn || entry.own_rrn.as_deref() == Some(rrn);
        let is_it = |entry: &&mut Entry| entry.terminal_id == terminal_id && is_known_as(entry) && entry.stan == stan;
        self.entries.iter_mut().find(is_it)
    }
}
