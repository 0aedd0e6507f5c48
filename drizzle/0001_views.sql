-- For the person with sqlite3: `SELECT * FROM timeline WHERE message_id = '...'`, `stuck`, `backlog`.

CREATE VIEW timeline AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ms / 1000.0, 'unixepoch') AS at,
       message_id, direction, stage, attempt, event, detail
FROM (
  SELECT accepted_at AS ms, 0 AS step, id AS message_id, direction, 'inbox' AS stage,
         NULL AS attempt, 'accepted' AS event,
         coalesce('OH message ' || oh_message_id, 'MHV message ' || mhv_message_id) AS detail
  FROM inbox
  UNION ALL
  SELECT a.started_at, 3 * a.number + CASE a.stage WHEN 'inbox' THEN 0 ELSE 1000000 END, a.message_id,
         i.direction, a.stage, a.number, 'started', 'correlation ' || a.correlation_id
  FROM attempts a JOIN inbox i ON i.id = a.message_id
  UNION ALL
  SELECT a.ended_at, 3 * a.number + 2 + CASE a.stage WHEN 'inbox' THEN 0 ELSE 1000000 END, a.message_id,
         i.direction, a.stage, a.number,
         CASE WHEN a.stage = 'inbox' AND a.outcome = 'delivered' THEN 'translated' ELSE a.outcome END,
         a.error_code || ': ' || a.reason
  FROM attempts a JOIN inbox i ON i.id = a.message_id
  WHERE a.ended_at IS NOT NULL
  UNION ALL
  SELECT e.at, 3 * coalesce(e.attempt, 0) + 1 + CASE e.stage WHEN 'inbox' THEN 0 ELSE 1000000 END, e.message_id,
         i.direction, e.stage, e.attempt, e.event, coalesce(e.detail || ' (' || e.actor || ')', e.detail, e.actor)
  FROM events e JOIN inbox i ON i.id = e.message_id
  UNION ALL
  SELECT accepted_at, 999999, id, direction, 'outbox', NULL, 'queued', NULL FROM outbox
  UNION ALL
  SELECT settled_at, 9999999, id, direction, 'outbox', NULL, iif(outcome = 'delivered', 'done', 'dead'),
         CASE outcome WHEN 'delivered'
           THEN 'OH message ' || coalesce(oh_message_id, '-') || ', MHV message ' || coalesce(mhv_message_id, '-')
           ELSE error_code || ': ' || reason END
  FROM outbox WHERE settled_at IS NOT NULL
  UNION ALL
  SELECT settled_at, 999998, id, direction, 'inbox', NULL, CASE outcome WHEN 'duplicate' THEN outcome WHEN 'delivered' THEN 'done' ELSE 'dead' END,
         coalesce(error_code || ': ' || reason, 'carried by message ' || duplicate_of)
  FROM inbox WHERE settled_at IS NOT NULL
)
ORDER BY message_id, ms, step;
--> statement-breakpoint
CREATE VIEW stuck AS
SELECT q.id AS message_id, q.direction, q.stage,
       CASE
         WHEN q.state = 'dead' THEN 'a person'
         WHEN q.order_key GLOB 'held:*' THEN 'the patient''s history'
         WHEN q.blocked AND q.stage = 'inbox' THEN 'message ' || coalesce(
             (SELECT d.id FROM inbox d WHERE d.state = 'dead' AND d.order_key = q.order_key AND d.seq < q.seq
              AND EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold') ORDER BY d.seq LIMIT 1),
             (SELECT p.id FROM inbox p WHERE p.state = 'pending' AND p.order_key = q.order_key AND p.seq < q.seq
              ORDER BY p.seq LIMIT 1))
         WHEN q.blocked THEN 'message ' || coalesce(
             (SELECT d.id FROM outbox d WHERE d.state = 'dead' AND d.order_key = q.order_key AND d.seq < q.seq
              AND EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold') ORDER BY d.seq LIMIT 1),
             (SELECT p.id FROM outbox p WHERE p.state = 'pending' AND p.order_key = q.order_key AND p.seq < q.seq
              ORDER BY p.seq LIMIT 1))
         WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.message_id = q.id AND a.stage = q.stage
                      AND a.number = q.attempts AND a.ended_at IS NULL) THEN 'an answer'
         WHEN q.stage = 'outbox' AND pauses.destination IS NOT NULL THEN 'a resume (paused by ' || pauses.actor || ')'
         WHEN q.due_at > unixepoch('subsec') * 1000 THEN 'its next attempt'
         ELSE 'a free poller'
       END AS waits_for,
       q.error_code || ': ' || q.reason AS why,
       CASE WHEN q.state = 'pending' THEN strftime('%Y-%m-%dT%H:%M:%fZ', q.due_at / 1000.0, 'unixepoch') END AS until,
       q.attempts,
       CAST(unixepoch('subsec') - q.accepted_at / 1000.0 AS INTEGER) AS age_seconds
FROM (
  SELECT 'inbox' AS stage, seq, id, direction, state, order_key, blocked, attempts, due_at, error_code, reason, accepted_at
  FROM inbox WHERE state = 'pending'
  UNION ALL
  SELECT 'inbox', seq, id, direction, state, order_key, blocked, attempts, due_at, error_code, reason, accepted_at
  FROM inbox WHERE state = 'dead'
  UNION ALL
  SELECT 'outbox', seq, id, direction, state, order_key, blocked, attempts, due_at, error_code, reason, accepted_at
  FROM outbox WHERE state = 'pending'
  UNION ALL
  SELECT 'outbox', seq, id, direction, state, order_key, blocked, attempts, due_at, error_code, reason, accepted_at
  FROM outbox WHERE state = 'dead'
) AS q
LEFT JOIN pauses ON pauses.destination = q.direction
ORDER BY q.accepted_at, q.seq;
--> statement-breakpoint
CREATE VIEW backlog AS
SELECT direction, stage,
       sum(state = 'pending') AS pending,
       sum(state = 'pending' AND attempts > 0) AS tried,
       sum(state = 'dead') AS dead,
       CAST(unixepoch('subsec') - min(CASE state WHEN 'pending' THEN accepted_at END) / 1000.0 AS INTEGER) AS oldest_pending_seconds
FROM (
  SELECT 'inbox' AS stage, direction, state, attempts, accepted_at FROM inbox WHERE state = 'pending'
  UNION ALL
  SELECT 'inbox', direction, state, attempts, accepted_at FROM inbox WHERE state = 'dead'
  UNION ALL
  SELECT 'outbox', direction, state, attempts, accepted_at FROM outbox WHERE state = 'pending'
  UNION ALL
  SELECT 'outbox', direction, state, attempts, accepted_at FROM outbox WHERE state = 'dead'
)
GROUP BY direction, stage;
--> statement-breakpoint
-- `blocked` says of a pending row that an earlier one of its order key is pending too, or dead while dead
-- rows hold (ON_DEAD). Triggers keep it, whoever changes a state: accepting, settling, a person's replay.

INSERT INTO settings (name, value) VALUES ('on_dead', 'release');
--> statement-breakpoint
CREATE TRIGGER inbox_blocked_when_accepted AFTER INSERT ON inbox
WHEN NEW.state = 'pending' AND (
    EXISTS (SELECT 1 FROM inbox e WHERE e.state = 'pending' AND e.order_key = NEW.order_key AND e.seq < NEW.seq)
    OR EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold')
    AND EXISTS (SELECT 1 FROM inbox e WHERE e.state = 'dead' AND e.order_key = NEW.order_key AND e.seq < NEW.seq))
BEGIN
  UPDATE inbox SET blocked = 1 WHERE seq = NEW.seq;
END;
--> statement-breakpoint
-- Of the rows behind it, only the next pending one can be the first of its key now, or no longer be it.
CREATE TRIGGER inbox_blocked_when_settled AFTER UPDATE OF state ON inbox
WHEN OLD.state <> NEW.state
BEGIN
  UPDATE inbox SET blocked = state = 'pending' AND (
    EXISTS (SELECT 1 FROM inbox e WHERE e.state = 'pending' AND e.order_key = inbox.order_key AND e.seq < inbox.seq)
    OR EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold')
    AND EXISTS (SELECT 1 FROM inbox e WHERE e.state = 'dead' AND e.order_key = inbox.order_key AND e.seq < inbox.seq))
  WHERE seq IN (NEW.seq, (SELECT min(n.seq) FROM inbox n
    WHERE n.state = 'pending' AND n.order_key = NEW.order_key AND n.seq > NEW.seq));
END;
--> statement-breakpoint
-- While a patient's history is listed, what the feed announces is kept under `held:` and its order key,
-- always blocked; then it goes behind the history, under a new seq.
CREATE TRIGGER inbox_blocked_when_held_or_released AFTER UPDATE OF order_key ON inbox
WHEN OLD.order_key <> NEW.order_key
BEGIN
  UPDATE inbox SET blocked = state = 'pending' AND (
    order_key GLOB 'held:*'
    OR EXISTS (SELECT 1 FROM inbox e WHERE e.state = 'pending' AND e.order_key = inbox.order_key AND e.seq < inbox.seq)
    OR EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold')
    AND EXISTS (SELECT 1 FROM inbox e WHERE e.state = 'dead' AND e.order_key = inbox.order_key AND e.seq < inbox.seq))
  WHERE seq IN (NEW.seq, (SELECT min(n.seq) FROM inbox n
    WHERE n.state = 'pending' AND n.order_key = OLD.order_key AND n.seq > OLD.seq));
END;
--> statement-breakpoint
CREATE TRIGGER outbox_blocked_when_accepted AFTER INSERT ON outbox
WHEN NEW.state = 'pending' AND (
    EXISTS (SELECT 1 FROM outbox e WHERE e.state = 'pending' AND e.order_key = NEW.order_key AND e.seq < NEW.seq)
    OR EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold')
    AND EXISTS (SELECT 1 FROM outbox e WHERE e.state = 'dead' AND e.order_key = NEW.order_key AND e.seq < NEW.seq))
BEGIN
  UPDATE outbox SET blocked = 1 WHERE seq = NEW.seq;
END;
--> statement-breakpoint
-- Of the rows behind it, only the next pending one can be the first of its key now, or no longer be it.
CREATE TRIGGER outbox_blocked_when_settled AFTER UPDATE OF state ON outbox
WHEN OLD.state <> NEW.state
BEGIN
  UPDATE outbox SET blocked = state = 'pending' AND (
    EXISTS (SELECT 1 FROM outbox e WHERE e.state = 'pending' AND e.order_key = outbox.order_key AND e.seq < outbox.seq)
    OR EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold')
    AND EXISTS (SELECT 1 FROM outbox e WHERE e.state = 'dead' AND e.order_key = outbox.order_key AND e.seq < outbox.seq))
  WHERE seq IN (NEW.seq, (SELECT min(n.seq) FROM outbox n
    WHERE n.state = 'pending' AND n.order_key = NEW.order_key AND n.seq > NEW.seq));
END;
--> statement-breakpoint
CREATE TRIGGER blocked_when_configured AFTER UPDATE OF value ON settings
WHEN OLD.value <> NEW.value AND NEW.name = 'on_dead'
BEGIN
  UPDATE inbox SET blocked = (
    order_key GLOB 'held:*'
    OR EXISTS (SELECT 1 FROM inbox e WHERE e.state = 'pending' AND e.order_key = inbox.order_key AND e.seq < inbox.seq)
    OR EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold')
    AND EXISTS (SELECT 1 FROM inbox e WHERE e.state = 'dead' AND e.order_key = inbox.order_key AND e.seq < inbox.seq))
  WHERE state = 'pending';
  UPDATE outbox SET blocked = (
    EXISTS (SELECT 1 FROM outbox e WHERE e.state = 'pending' AND e.order_key = outbox.order_key AND e.seq < outbox.seq)
    OR EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold')
    AND EXISTS (SELECT 1 FROM outbox e WHERE e.state = 'dead' AND e.order_key = outbox.order_key AND e.seq < outbox.seq))
  WHERE state = 'pending';
END;
