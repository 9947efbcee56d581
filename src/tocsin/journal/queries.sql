-- Every statement that the journal runs, by its name. A line `-- name: …` begins each; what follows it up to an empty
-- line explains it.

-- name: put_alert
-- An alert as it stands; one that was cleared away meanwhile is not brought back by this.
INSERT INTO alerts (id, fingerprint, rule, category, severity, component, state, started_at, updated_at, resolved_at,
                    body, keep)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    severity = excluded.severity, component = excluded.component, state = excluded.state,
    updated_at = excluded.updated_at, resolved_at = excluded.resolved_at, body = excluded.body, keep = excluded.keep;

-- name: add_transition
INSERT INTO transitions (alert_id, at, before, after, why) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: put_notice
-- Written again after a failed commit, it stays as it was.
INSERT INTO notices (id, channel, kind, severity, created_at, state, body) VALUES (?, ?, ?, ?, ?, 'waiting', ?)
ON CONFLICT (id) DO NOTHING;

-- name: put_notice_alert
INSERT INTO notice_alerts (alert_id, notice_id) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: add_delivery
INSERT INTO deliveries (notice_id, at, took_s, outcome, error) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: move_notice
-- What is over stays over, whatever comes late.
UPDATE notices SET state = ?, attempts = max(attempts, ?), next_at = ?, done_at = ? WHERE id = ? AND state = 'waiting';

-- name: revive_notice
-- Send a dead notice once more.
UPDATE notices SET state = 'waiting', next_at = NULL, done_at = NULL WHERE id = ? AND state = 'dead';

-- name: put_keepsake
INSERT INTO keepsakes (room, at, body) VALUES (?, ?, ?)
ON CONFLICT (room) DO UPDATE SET at = excluded.at, body = excluded.body;

-- name: open_alerts
SELECT body, keep FROM alerts WHERE resolved_at IS NULL AND keep IS NOT NULL ORDER BY started_at;

-- name: ended_alerts
SELECT body FROM alerts WHERE resolved_at IS NOT NULL ORDER BY resolved_at DESC LIMIT ?;

-- name: recent_alerts
SELECT body FROM alerts WHERE started_at >= ? ORDER BY started_at DESC LIMIT ?;

-- name: shown_alerts
-- What is open, and what changed since then; suspicions that calmed are nobody's business.
SELECT body FROM alerts WHERE state IN ('firing', 'resolved') AND (keep IS NOT NULL OR updated_at >= ?)
ORDER BY started_at DESC LIMIT ?;

-- name: alerts_in_order
SELECT body FROM alerts ORDER BY started_at, id;

-- name: kept_alert
SELECT body, keep FROM alerts WHERE id = ?;

-- name: alert
SELECT body FROM alerts WHERE id = ?;

-- name: transitions_of
SELECT at, before, after, why FROM transitions WHERE alert_id = ? ORDER BY seq;

-- name: waiting_notices
-- The most urgent first, and of equal ones the oldest.
SELECT body, attempts, next_at FROM notices WHERE state = 'waiting' ORDER BY severity DESC, created_at;

-- name: notices_of
SELECT n.id, n.channel, n.kind, n.created_at, n.state, n.attempts, n.done_at
FROM notice_alerts AS a JOIN notices AS n ON n.id = a.notice_id
WHERE a.alert_id = ? ORDER BY n.created_at;

-- name: recent_notices
-- Newest first, each with what went wrong last. An empty state is any.
SELECT n.id, n.channel, n.kind, n.severity, n.created_at, n.state, n.attempts, n.next_at, n.done_at, n.body,
    (SELECT d.error FROM deliveries AS d WHERE d.notice_id = n.id ORDER BY d.seq DESC LIMIT 1)
FROM notices AS n WHERE ? = '' OR n.state = ? ORDER BY n.created_at DESC LIMIT ?;

-- name: notice
SELECT body, state FROM notices WHERE id = ?;

-- name: deliveries_of
SELECT at, took_s, outcome, error FROM deliveries WHERE notice_id = ? ORDER BY seq;

-- name: keepsake
SELECT at, body FROM keepsakes WHERE room = ?;

-- name: forget_alerts
-- Also what was a suspicion only, and calmed.
DELETE FROM alerts WHERE resolved_at < ? OR (keep IS NULL AND updated_at < ?);

-- name: forget_transitions
DELETE FROM transitions WHERE at < ? AND alert_id NOT IN (SELECT id FROM alerts);

-- name: forget_notices
DELETE FROM notices WHERE created_at < ? AND state <> 'waiting';

-- name: forget_notice_alerts
DELETE FROM notice_alerts WHERE notice_id NOT IN (SELECT id FROM notices);

-- name: forget_deliveries
DELETE FROM deliveries WHERE at < ? AND notice_id NOT IN (SELECT id FROM notices);


-- name: all_alerts
-- Without `keep`: nobody goes on with the alerts of a process that is gone.
SELECT id, fingerprint, rule, category, severity, component, state, started_at, updated_at, resolved_at, body, NULL
FROM alerts;

-- name: copy_alert
INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: all_transitions
SELECT alert_id, at, before, after, why FROM transitions;

-- name: all_notices
SELECT id, channel, kind, severity, created_at, state, attempts, next_at, done_at, body FROM notices;

-- name: copy_notice
INSERT INTO notices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: all_notice_alerts
SELECT alert_id, notice_id FROM notice_alerts;

-- name: all_deliveries
SELECT notice_id, at, took_s, outcome, error FROM deliveries;


-- name: put_layout
INSERT INTO history_layouts (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: put_chunk
INSERT INTO history (step, layout, began, ended, readings, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: layouts
SELECT id, body FROM history_layouts;

-- name: chunks_between
-- Newest last.
SELECT layout, began, ended, body FROM history WHERE step = ? AND ended >= ? AND began <= ? ORDER BY began;

-- name: history_since
SELECT min(began) FROM history WHERE step = ?;

-- name: history_extent
-- Of a minute the time at its end is what counts, of a reading its own.
SELECT min(began), max(ended) FROM history;

-- name: all_chunks_between
-- Readings and minutes as they follow each other, one at a time.
SELECT step, layout, began, body FROM history WHERE ended >= ? AND began <= ? ORDER BY began;

-- name: readings_begin
-- To each layout the time from which on its readings are here as they were taken.
SELECT layout, min(began) FROM history WHERE step = 0 GROUP BY layout;

-- name: unrolled_chunks
-- Those of one layout together, oldest first.
SELECT seq, layout, began FROM history WHERE step = 0 AND rolled = 0 AND ended < ? ORDER BY layout, began LIMIT ?;

-- name: chunk
SELECT body FROM history WHERE seq = ?;

-- name: mark_rolled
UPDATE history SET rolled = 1 WHERE seq = ?;

-- name: forget_raw
DELETE FROM history WHERE step = 0 AND rolled = 1 AND ended < ?;

-- name: forget_minutes
DELETE FROM history WHERE step <> 0 AND ended < ?;

-- name: forget_oldest_chunks
-- So many, the readings whose minutes are here first.
DELETE FROM history WHERE seq IN (SELECT seq FROM history ORDER BY rolled DESC, ended LIMIT ?);

-- name: forget_layouts
DELETE FROM history_layouts WHERE id NOT IN (SELECT layout FROM history);

-- name: count_chunks
SELECT count(*) FROM history;

-- name: oldest_quarter
-- Before when a quarter of what is over ended; nothing, if nothing is over.
SELECT at FROM (
    SELECT resolved_at AS at FROM alerts WHERE resolved_at IS NOT NULL
    UNION ALL SELECT updated_at FROM alerts WHERE keep IS NULL AND resolved_at IS NULL
    UNION ALL SELECT created_at FROM notices WHERE state <> 'waiting'
)
ORDER BY at LIMIT 1 OFFSET (
    SELECT (SELECT count(*) FROM alerts WHERE keep IS NULL OR resolved_at IS NOT NULL) / 4
        + (SELECT count(*) FROM notices WHERE state <> 'waiting') / 4
);
