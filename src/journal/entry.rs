//! The rows of a journal as anybody may read them, those of a damaged one too.

use serde_json::Value;

use super::{Damage, Journal, JournalError, Link, Seq, Stored, stored};

/// What is encrypted under the storage key, wherever it stands in an event.
const SEALED: [&str; 3] = ["card", "icc_data", "sealed"];

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub seq: Seq,
    /// When it was written: UTC, ISO 8601, milliseconds.
    pub at: String,
    /// Its transaction; none for an event of the terminal itself.
    pub token: Option<String>,
    /// What happened.
    pub event: String,
    /// The particulars, JSON.
    pub body: String,
    /// Its chain value, 64 hex digits.
    pub chain: String,
    /// Whether it is as it was written: the row before is there, and the chain value fits both.
    pub is_intact: bool,
}

impl Entry {
    /// The particulars without what is sealed. Those of a row that was changed into something else than JSON are null.
    pub fn data(&self) -> Value {
        let mut data = serde_json::from_str(&self.body).unwrap_or_default();
        if let Value::Object(members) = &mut data {
            members.retain(|name, _| !SEALED.contains(&name.as_str()));
        }
        data
    }
}

/// Holds rows against their chain, one after the other.
#[derive(Default)]
struct Checker {
    before: Option<(Seq, Option<Link>)>,
    first_damage: Option<(Seq, Damage)>,
}

impl Checker {
    /// The chain value that the row before has, if it is there.
    fn link_before(&self, seq: Seq) -> Option<Link> {
        match self.before {
            Some((before, link)) if before + 1 == seq => link,
            None if seq == 1 => Some(Link::GENESIS),
            _ => None,
        }
    }

    fn check(&mut self, row: Stored) -> Entry {
        let expected = self.before.map_or(1, |(before, _)| before + 1);
        let link = Link::parse(&row.chain);
        let next = |before: Link| before.next(row.seq, &row.at, row.token.as_deref(), &row.event, &row.body);
        let is_intact = link.is_some() && self.link_before(row.seq).map(next) == link;
        if !is_intact && self.first_damage.is_none() {
            let damage = if row.seq == expected { (row.seq, Damage::Chain) } else { (expected, Damage::Missing) };
            self.first_damage = Some(damage);
        }
        self.before = Some((row.seq, link));
        let Stored { seq, at, token, event, body, chain } = row;
        Entry { seq, at, token, event, body, chain, is_intact }
    }
}

impl Journal {
    /// Visits every row that can be read, in order, and tells the first damage among them. Where SQLite can't go on, in
    /// the middle of a damaged file, it goes on from the other end.
    pub fn visit_entries(&self, mut visit: impl FnMut(Entry)) -> Option<JournalError> {
        let mut checker = Checker::default();
        let stopped = self.read_rows("ORDER BY seq", |row| visit(checker.check(row))).err();
        if stopped.is_some() {
            let last = checker.before.map_or(0, |(seq, _)| seq);
            let mut after = Vec::new();
            // It ends with an error again, or at a row that was visited already.
            let _ = self.read_rows(&format!("WHERE seq > {last} ORDER BY seq DESC"), |row| after.push(row));
            after.into_iter().rev().for_each(|row| visit(checker.check(row)));
        }
        let damage = checker.first_damage.map(|(seq, damage)| self.damage(seq, damage));
        stopped.or(damage)
    }

    fn read_rows(&self, order: &str, mut visit: impl FnMut(Stored)) -> Result<(), JournalError> {
        let on = |source| JournalError::from_sqlite(&self.path, source);
        let sql = format!("SELECT seq, at, token, event, body, chain FROM journal {order}");
        let mut statement = self.connection.prepare(&sql).map_err(on)?;
        for row in statement.query_map([], stored).map_err(on)? {
            visit(row.map_err(on)?);
        }
        Ok(())
    }
}
