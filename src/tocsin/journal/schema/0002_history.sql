-- What was measured. A chunk holds the readings of many series over some minutes, compressed (journal/history/chunk.py);
-- the layout says which series its columns are of, and is shared by chunks that have the same.
CREATE TABLE history_layouts (
    id   TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;

-- `step` is 0 for readings as they were taken and 60 for minutes; `rolled` says of the former that their minutes are here
-- too. The index makes writing a chunk twice the same as writing it once.
CREATE TABLE history (
    seq      INTEGER PRIMARY KEY,
    step     INTEGER NOT NULL,
    layout   TEXT NOT NULL,
    began    REAL NOT NULL,
    ended    REAL NOT NULL,
    readings INTEGER NOT NULL,
    rolled   INTEGER NOT NULL DEFAULT 0,
    body     BLOB NOT NULL
);
CREATE UNIQUE INDEX history_once ON history (layout, step, began);
CREATE INDEX history_by_time ON history (step, ended);
