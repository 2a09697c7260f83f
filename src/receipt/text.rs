//! Receipts as text, for printers with a fixed number of columns.

use super::{CardLines, HostLines, Receipt, Recipient};
use crate::terminal::{Currency, Cvm, FinalResult, Reason, TransactionType};

/// How many characters a line has: what receipt printers offer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Columns {
    /// 32: paper of 58 mm.
    C32,
    /// 42: paper of 80 mm, the larger type.
    #[default]
    C42,
    /// 48: paper of 80 mm.
    C48,
}

impl Columns {
    /// As a number.
    pub fn number(self) -> usize {
        match self {
            Columns::C32 => 32,
            Columns::C42 => 42,
            Columns::C48 => 48,
        }
    }

    /// From a number, if printers have it.
    pub fn from_number(number: usize) -> Option<Self> {
        [Columns::C32, Columns::C42, Columns::C48].into_iter().find(|columns| columns.number() == number)
    }
}

/// Lays a receipt out. No line is longer than the paper is wide, and each ends with a line feed.
pub fn render(receipt: &Receipt, columns: Columns) -> String {
    let mut page = Page { width: columns.number(), text: String::new() };
    if receipt.letterhead.test {
        page.centred("*** TEST *** NO MONEY MOVES ***");
        page.gap();
    }
    page.centred(&receipt.letterhead.name);
    receipt.letterhead.address.iter().for_each(|line| page.centred(line));
    page.gap();
    page.centred(match receipt.copy {
        Recipient::Customer => "CUSTOMER COPY",
        Recipient::Merchant => "MERCHANT COPY",
    });
    page.rule();
    page.pair(&receipt.time.date().to_string(), &receipt.time.time().strftime("%H:%M:%S").to_string());
    page.pair("Transaction", receipt.token.as_str());
    if let Some(original) = &receipt.original {
        page.pair("Of transaction", original.as_str());
    }
    if let Some(reference) = &receipt.reference {
        page.pair("Reference", reference);
    }
    if let Some(card) = &receipt.card {
        page.rule();
        render_card(&mut page, card, receipt.currency);
    }
    page.rule();
    render_amounts(&mut page, receipt);
    page.rule();
    page.centred(result(receipt.result));
    if receipt.kind == TransactionType::PreAuthorisation && receipt.result == FinalResult::Approved {
        page.centred("held, not paid");
    }
    if let Some(words) = explanation(receipt.reason) {
        page.centred(words);
    }
    page.gap();
    if let Some(host) = &receipt.host {
        render_host(&mut page, host);
    }
    page.pair("Terminal", &receipt.letterhead.acceptor.terminal_id);
    page.pair("Merchant", &receipt.letterhead.acceptor.merchant_id);
    let cvm = receipt.card.as_ref().and_then(|card| card.cvm);
    if let Some(cvm) = cvm.filter(|_| receipt.result == FinalResult::Approved) {
        page.gap();
        render_cvm(&mut page, cvm, receipt.wants_signature());
    }
    if receipt.letterhead.test {
        page.gap();
        page.centred("*** TEST ***");
    }
    page.text
}

fn render_card(page: &mut Page, card: &CardLines, currency: Currency) {
    if let Some(label) = &card.application_label {
        page.pair(label, if card.cvm.is_some() { "contactless" } else { "as paid with" });
    }
    if let Some(pan) = &card.pan {
        page.pair("Card", pan.as_str());
    }
    for (name, value) in [("AID", &card.aid), ("TVR", &card.tvr), ("Cryptogram", &card.application_cryptogram)] {
        if let Some(value) = value {
            page.pair(name, &value.to_string());
        }
    }
    if let Some(amount) = &card.available_offline_spending_amount {
        page.pair("Left to spend offline", &format!("{currency} {amount}"));
    }
}

fn render_amounts(page: &mut Page, receipt: &Receipt) {
    let amount = |decimal: &str| format!("{} {decimal}", receipt.currency);
    let kind = match receipt.kind {
        TransactionType::Purchase => "PURCHASE",
        TransactionType::CashAdvance => "CASH ADVANCE",
        TransactionType::Cashback => "PURCHASE WITH CASHBACK",
        TransactionType::Refund => "REFUND",
        TransactionType::Void => "VOID",
        TransactionType::PreAuthorisation => "PRE-AUTHORISATION",
        TransactionType::Increment => "PRE-AUTHORISATION RAISED BY",
        TransactionType::Capture => "CAPTURE",
        TransactionType::Release => "PRE-AUTHORISATION RELEASED",
        TransactionType::Adjustment => "TIP",
        TransactionType::Verification => "CARD VERIFICATION",
    };
    page.pair(kind, &amount(&receipt.amount));
    if let Some(cash) = &receipt.cash {
        page.pair("of which cash", &amount(cash));
    }
    if let Some(total) = &receipt.total {
        page.pair("TOTAL", &amount(total));
    }
    match &receipt.approved_amount {
        Some(approved) if *approved != receipt.amount => page.pair("APPROVED IN PART", &amount(approved)),
        _ => {}
    }
}

fn render_host(page: &mut Page, host: &HostLines) {
    if let Some(code) = &host.authorisation_code {
        page.pair("Authorisation code", code);
    }
    if let Some(code) = &host.response_code {
        page.pair("Response code", code);
    }
    page.pair("STAN", &host.stan.to_string());
    page.pair("RRN", host.rrn.as_str());
}

fn render_cvm(page: &mut Page, cvm: Cvm, sign_here: bool) {
    page.centred(match cvm {
        Cvm::NoCvm => "no cardholder verification",
        Cvm::Signature => "verification by signature",
        Cvm::OnlinePin => "verified by PIN",
        Cvm::OnDevice => "verified on the device",
    });
    if sign_here {
        page.gap();
        page.gap();
        page.line(&"_".repeat(page.width));
        page.centred("signature");
    }
}

fn result(result: FinalResult) -> &'static str {
    match result {
        FinalResult::Approved => "APPROVED",
        FinalResult::Declined => "DECLINED",
        FinalResult::Cancelled => "CANCELLED",
        FinalResult::TimedOut => "NO CARD PRESENTED",
        FinalResult::OtherInterface => "NOT COMPLETED",
        FinalResult::Aborted => "NOT COMPLETED",
        FinalResult::Reversed => "REVERSED - NOT CHARGED",
    }
}

/// What is worth a line beside the result.
fn explanation(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::TryAnotherInterface => Some("insert or swipe the card"),
        Reason::EndApplication => Some("card not accepted"),
        Reason::UnableToGoOnline => Some("bank not reachable"),
        Reason::OnlineRequired => Some("the card's bank must be asked"),
        Reason::ReaderFailed | Reason::Restarted | Reason::InternalError => Some("terminal failure - not charged"),
        _ => None,
    }
}

/// Paper of fixed width, written from top to bottom.
struct Page {
    width: usize,
    text: String,
}

impl Page {
    /// Control characters, which a card's label may hold, would command the printer.
    fn line(&mut self, line: &str) {
        self.text.extend(line.trim_end().chars().map(|c| if c.is_control() { '?' } else { c }));
        self.text.push('\n');
    }

    fn gap(&mut self) {
        self.line("");
    }

    fn rule(&mut self) {
        self.line(&"-".repeat(self.width));
    }

    fn centred(&mut self, text: &str) {
        for line in wrapped(text, self.width) {
            self.line(&format!("{line:^width$}", width = self.width));
        }
    }

    /// A name at the left and its value at the right: in one line if they fit.
    fn pair(&mut self, name: &str, value: &str) {
        let (left, right) = (name.chars().count(), value.chars().count());
        if left + 1 + right <= self.width {
            return self.line(&format!("{name}{value:>width$}", width = self.width - left));
        }
        wrapped(name, self.width).iter().for_each(|line| self.line(line));
        for line in wrapped(value, self.width) {
            self.line(&format!("{line:>width$}", width = self.width));
        }
    }
}

/// The text in lines of at most `width` characters, broken at spaces where there are any.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let used = line.chars().count();
        if used > 0 && used + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > width {
            lines.push(word.drain(..width).collect());
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    lines.push(line);
    lines
}
