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
    /// The STAN of the request that it refunds or voids.
    pub original: Option<u64>,
    /// What was asked for, minor units.
    pub amount: u64,
    /// Currency (ISO 4217 numeric).
    pub currency: u64,
    /// Whether the card's cryptogram is right.
    pub cryptogram: Cryptogram,
    /// What was decided, whether or not the answer arrived.
    pub response_code: String,
    /// What was approved, minor units; 0 for a decline.
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
    /// A sale is undone: processing code 02.
    Void,
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

    /// What merchants are owed in the end, minor units of whatever currencies: sales less refunds and less what was
    /// voided.
    pub fn takings(&self) -> i64 {
        let signed =
            |entry: &Entry| if entry.kind == Kind::Debit { entry.stands() as i64 } else { -(entry.stands() as i64) };
        self.entries.iter().map(signed).sum()
    }

    /// How much of this sale's money went back by follow-ups of this kind, minor units.
    pub fn given_back(&self, sale: &Entry, kind: Kind) -> u64 {
        let is_of_sale = |entry: &&Entry| entry.original == Some(sale.stan) && entry.terminal_id == sale.terminal_id;
        self.entries.iter().filter(is_of_sale).filter(|entry| entry.kind == kind).map(Entry::stands).sum()
    }

    /// Why a refund or a void is refused: a response code; nothing where it may be done, or follows up nothing.
    pub(super) fn objection(&self, entry: &Entry) -> Option<&'static str> {
        let stan = entry.original?;
        let is_sale =
            |sale: &&Entry| sale.terminal_id == entry.terminal_id && sale.stan == stan && sale.kind == Kind::Debit;
        let Some(sale) = self.entries.iter().rev().find(is_sale).filter(|sale| sale.stands() > 0) else {
            return Some("25");
        };
        let left = sale.stands() - self.given_back(sale, Kind::Refund);
        let is_untouched =
            self.given_back(sale, Kind::Void) == 0 && (entry.kind == Kind::Refund || left == sale.stands());
        match is_untouched {
            _ if sale.pan != entry.pan => Some("14"),
            false => Some("12"),
            true if entry.amount > left || (entry.kind == Kind::Void && entry.amount != left) => Some("13"),
            true => None,
        }
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
