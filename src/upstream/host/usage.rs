//! What an open connection has been used for: when its silence is worth an echo test, and when it is not needed.

use std::time::Duration;

use tokio::time::Instant;

/// The use of one connection.
#[derive(Debug)]
pub(super) struct Usage {
    echo_every: Option<Duration>,
    close_when_idle: Option<Duration>,
    /// When something was heard last; at first, when it was opened.
    heard_at: Instant,
    /// When an echo test was due last, or something was heard.
    listened_at: Instant,
    /// When a request was sent last, echo tests aside; at first, when it was opened.
    used_at: Instant,
    is_unsaid: bool,
    is_unheard: bool,
    /// Requests whose time was over since something was heard.
    unanswered: usize,
}

/// What is to be done about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// It has been silent for long: ask whether the host is there.
    Echo,
    /// Nobody has needed it for long: close it, before somebody else does.
    Close,
}

impl Usage {
    /// One answer may be late, and is worth waiting for on the same connection; a second one is not.
    const UNANSWERED_MAX: usize = 2;

    pub(super) fn begin(echo_every: Option<Duration>, close_when_idle: Option<Duration>, now: Instant) -> Self {
        Usage {
            echo_every,
            close_when_idle,
            heard_at: now,
            listened_at: now,
            used_at: now,
            is_unsaid: true,
            is_unheard: true,
            unanswered: 0,
        }
    }

    /// The host has said something.
    pub(super) fn heard(&mut self, now: Instant) {
        (self.heard_at, self.listened_at) = (now, now);
        self.is_unheard = false;
        self.unanswered = 0;
    }

    /// The time of so many requests is over.
    pub(super) fn expired(&mut self, requests: usize) {
        self.unanswered += requests;
    }

    /// Whether the host has left so many requests in a row without a word that it can't be there any more, though the
    /// connection looks well: a proxy or a firewall between may have lost it.
    pub(super) fn is_given_up(&self) -> bool {
        self.unanswered >= Self::UNANSWERED_MAX
    }

    /// A request has been sent, or part of it.
    pub(super) fn said(&mut self, is_echo: bool, now: Instant) {
        self.is_unsaid = false;
        if !is_echo {
            self.used_at = now;
        }
    }

    /// Whether nothing was ever sent on it.
    pub(super) fn is_unsaid(&self) -> bool {
        self.is_unsaid
    }

    /// Whether nothing ever came from it.
    pub(super) fn is_unheard(&self) -> bool {
        self.is_unheard
    }

    /// For how long nothing has come from it.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.duration_since(self.heard_at)
    }

    /// When something is due next, unless something is heard or sent before.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let echo = self.echo_every.map(|every| self.listened_at + every);
        let close = self.close_when_idle.map(|idle| self.used_at + idle);
        [echo, close].into_iter().flatten().min()
    }

    /// What is due now. Nobody hears of the same silence twice.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        if self.close_when_idle.is_some_and(|idle| self.used_at + idle <= now) {
            self.used_at = now;
            return Some(Due::Close);
        }
        if self.echo_every.is_some_and(|every| self.listened_at + every <= now) {
            self.listened_at = now;
            return Some(Due::Echo);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_echo_test_is_due_after_each_silence_and_a_close_when_nothing_but_echoes_was_sent() {
        let start = Instant::now();
        let at = |seconds| start + seconds * SECOND;
        let mut usage = Usage::begin(Some(10 * SECOND), Some(35 * SECOND), start);
        usage.said(false, at(2));
        usage.heard(at(3));
        assert_eq!((usage.next_deadline(), usage.due(at(12))), (Some(at(13)), None));
        assert_eq!((usage.due(at(13)), usage.due(at(13))), (Some(Due::Echo), None));
        usage.said(true, at(13));
        usage.heard(at(14));
        assert_eq!((usage.next_deadline(), usage.due(at(24))), (Some(at(24)), Some(Due::Echo)));
        assert_eq!(usage.silence(at(24)), 10 * SECOND);
        assert_eq!((usage.next_deadline(), usage.due(at(34))), (Some(at(34)), Some(Due::Echo)));
        assert_eq!((usage.next_deadline(), usage.due(at(37))), (Some(at(37)), Some(Due::Close)));
    }

    #[test]
    fn a_connection_is_given_up_after_two_requests_without_a_word_between_them() {
        let start = Instant::now();
        let mut usage = Usage::begin(None, None, start);
        usage.expired(1);
        usage.heard(start);
        usage.expired(1);
        assert!(!usage.is_given_up());
        usage.expired(1);
        assert!(usage.is_given_up());
    }

    #[test]
    fn a_connection_without_a_rule_is_left_alone() {
        let start = Instant::now();
        let mut usage = Usage::begin(None, None, start);
        assert_eq!((usage.next_deadline(), usage.due(start + 1000 * SECOND)), (None, None));
    }
}
