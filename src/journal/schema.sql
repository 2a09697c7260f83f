-- The journal of tenderd. It only grows: the triggers refuse everything else, and each row's chain
-- value covers the row and all rows before it.
CREATE TABLE journal (
    seq   INTEGER PRIMARY KEY,  -- 1, 2, 3 ... without gaps
    at    TEXT NOT NULL,        -- UTC, ISO 8601, milliseconds
    token TEXT,                 -- the transaction; NULL for events of the terminal itself
    event TEXT NOT NULL,        -- what happened
    body  TEXT NOT NULL,        -- its particulars, JSON; null if there are none
    chain TEXT NOT NULL         -- SHA-256 in hex over the previous row's chain value and this row
) STRICT;

-- A token is created once and ends once, whatever else fails; and its advice is taken once.
CREATE UNIQUE INDEX created_once ON journal (token) WHERE event = 'created';
CREATE UNIQUE INDEX completed_once ON journal (token) WHERE event = 'completed';

CREATE UNIQUE INDEX advice_answered_once ON journal (token) WHERE event = 'advice_answered';

-- From these is counted back what has not ended.
CREATE INDEX created ON journal (seq) WHERE event = 'created';
CREATE INDEX advice_requested ON journal (seq) WHERE event = 'advice_requested';

CREATE INDEX by_token ON journal (token, seq) WHERE token IS NOT NULL;
CREATE INDEX by_stan ON journal (seq) WHERE event IN ('online_requested', 'reversal_requested', 'advice_requested');

-- What follows up a transaction.
CREATE INDEX by_original ON journal (body ->> 'original') WHERE event = 'created';

CREATE INDEX torn_transactions ON journal (seq) WHERE event = 'torn_transactions';
CREATE INDEX keys_reserved ON journal (seq) WHERE event = 'keys_reserved';
CREATE INDEX storage_keys ON journal (seq) WHERE event IN ('storage_key_begun', 'storage_key_destroyed');

CREATE TRIGGER no_update BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TRIGGER no_delete BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- One row a transaction, newest first.
CREATE VIEW transactions AS
SELECT
    c.token,
    c.at                                          AS created,
    c.body ->> 'type'                             AS type,
    c.body ->> 'amount'                           AS amount,
    c.body ->> 'currency'                         AS currency,
    coalesce(d.body ->> 'result', 'in progress')  AS result,
    d.body ->> 'reason'                           AS reason,
    CASE d.body ->> 'result' WHEN 'approved'
        THEN coalesce(a.body ->> 'amount', c.body ->> 'amount') END AS approved_amount,
    r.body ->> 'scheme'                           AS scheme,
    r.body ->> 'pan'                              AS pan,
    a.body ->> 'response_code'                    AS response_code,
    a.body ->> 'authorisation_code'               AS authorisation_code,
    o.body ->> 'stan'                             AS stan,
    o.body ->> 'rrn'                              AS rrn,
    v.body ->> 'reason'                           AS reversal_reason,
    d.at                                          AS completed
FROM journal c
LEFT JOIN journal r ON r.seq = (SELECT min(seq) FROM journal WHERE token = c.token AND event = 'card_read')
LEFT JOIN journal o ON o.token = c.token AND o.event = 'online_requested'
LEFT JOIN journal a ON a.token = c.token AND a.event = 'online_answered'
LEFT JOIN journal v ON v.token = c.token AND v.event = 'reversal_requested'
LEFT JOIN journal d ON d.token = c.token AND d.event = 'completed'
WHERE c.event = 'created'
ORDER BY c.seq DESC;

-- What the acquirer has not yet taken back.
CREATE VIEW outstanding_reversals AS
SELECT v.token, v.at AS since, v.body ->> 'reason' AS reason, v.body ->> 'stan' AS stan, v.seq
FROM journal v
WHERE v.event = 'reversal_requested'
  AND NOT EXISTS (SELECT 1 FROM journal a WHERE a.token = v.token AND a.event = 'reversal_answered');

-- Offline approvals that the acquirer has not yet taken.
CREATE VIEW outstanding_advices AS
SELECT v.token, v.at AS since, v.body ->> 'stan' AS stan, v.seq
FROM journal v
WHERE v.event = 'advice_requested'
  AND NOT EXISTS (SELECT 1 FROM journal a WHERE a.token = v.token AND a.event = 'advice_answered');
