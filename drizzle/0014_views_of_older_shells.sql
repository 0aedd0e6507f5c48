-- The same views for every `sqlite3` shell: before 3.42 one does not know `subsec`, and said neither ages nor what
-- a message waits for. 2440587.5 is the Julian day of the Unix epoch.

DROP VIEW backlog;
--> statement-breakpoint
CREATE VIEW backlog AS
SELECT direction, stage,
       sum(state = 'pending') AS pending,
       sum(state = 'pending' AND attempts > 0) AS tried,
       sum(state = 'dead') AS dead,
       CAST((julianday('now') - 2440587.5) * 86400 - min(CASE state WHEN 'pending' THEN accepted_at END) / 1000.0 AS INTEGER) AS oldest_pending_seconds
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
DROP VIEW stuck;
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
         WHEN breakers.until > max(q.due_at, (julianday('now') - 2440587.5) * 86400000)
           THEN CASE breakers.state WHEN 'open' THEN 'the breaker (' || breakers.code || ')' ELSE 'the probe of the breaker' END
         WHEN q.due_at > (julianday('now') - 2440587.5) * 86400000 THEN 'its next attempt'
         ELSE 'a free poller'
       END AS waits_for,
       q.error_code || ': ' || q.reason AS why,
       CASE WHEN q.state = 'pending'
         THEN strftime('%Y-%m-%dT%H:%M:%fZ', max(q.due_at, coalesce(breakers.until, 0)) / 1000.0, 'unixepoch') END AS until,
       q.attempts,
       CAST((julianday('now') - 2440587.5) * 86400 - q.accepted_at / 1000.0 AS INTEGER) AS age_seconds
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
LEFT JOIN breakers ON breakers.direction = q.direction AND breakers.stage = q.stage
ORDER BY q.accepted_at, q.seq;
