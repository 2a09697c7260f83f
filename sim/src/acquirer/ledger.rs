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
    /// The money that moved and stays, minor units.
    pub fn stands(&self) -> u64 {
        if self.is_reversed { 0 } else { self.approved }
    }
}

impl Ledger {
    /// The money that moved and stays, minor units of whatever currencies.
    pub fn total(&self) -> u64 {
        self.entries.iter().map(Entry::stands).sum()
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
