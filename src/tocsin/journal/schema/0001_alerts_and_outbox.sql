-- Alerts, what happened to them, and what is to be told of them. Times are Unix seconds, UTC.

-- An alert as it stands. `body` is the alert as JSON, `keep` what the engine needs to go on with it after a restart; it
-- is NULL once the alert has ended.
CREATE TABLE alerts (
    id          TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    rule        TEXT NOT NULL,
    category    TEXT NOT NULL,
    severity    INTEGER NOT NULL,
    component   TEXT NOT NULL,
    state       TEXT NOT NULL,
    started_at  REAL NOT NULL,
    updated_at  REAL NOT NULL,
    resolved_at REAL,
    body        BLOB NOT NULL,
    keep        BLOB
) WITHOUT ROWID;
CREATE INDEX alerts_by_start ON alerts (started_at);
CREATE INDEX alerts_open ON alerts (fingerprint) WHERE resolved_at IS NULL;

-- Each step of an alert from one state to another, with its reason. Never changed. The index makes writing one twice, after
-- a commit of which nobody knows how it ended, the same as writing it once.
CREATE TABLE transitions (
    seq      INTEGER PRIMARY KEY,
    alert_id TEXT NOT NULL,
    at       REAL NOT NULL,
    before   TEXT NOT NULL,
    after    TEXT NOT NULL,
    why      TEXT NOT NULL
);
CREATE UNIQUE INDEX transitions_by_alert ON transitions (alert_id, at, before, after, why);

-- The outbox. A notice is `waiting` until it is `delivered`, `dead` (given up, and may be sent again by hand) or
-- `merged` into a later one that says the same and more.
CREATE TABLE notices (
    id         TEXT PRIMARY KEY,
    channel    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    severity   INTEGER NOT NULL,
    created_at REAL NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead', 'merged')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    next_at    REAL,
    done_at    REAL,
    body       BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX notices_waiting ON notices (severity DESC, created_at) WHERE state = 'waiting';
CREATE INDEX notices_by_time ON notices (created_at);

CREATE TABLE notice_alerts (
    alert_id  TEXT NOT NULL,
    notice_id TEXT NOT NULL,
    PRIMARY KEY (alert_id, notice_id)
) WITHOUT ROWID;

-- Each attempt to hand a notice to its channel, and what came of it.
CREATE TABLE deliveries (
    seq       INTEGER PRIMARY KEY,
    notice_id TEXT NOT NULL,
    at        REAL NOT NULL,
    took_s    REAL NOT NULL,
    outcome   TEXT NOT NULL,
    error     TEXT NOT NULL
);
CREATE UNIQUE INDEX deliveries_by_notice ON deliveries (notice_id, at, outcome);

-- What a room remembers between two runs (silences, windows of suppression and limits, timers), as it wrote it.
CREATE TABLE keepsakes (
    room TEXT PRIMARY KEY,
    at   REAL NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
