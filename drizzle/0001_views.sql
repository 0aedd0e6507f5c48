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
  SELECT settled_at, 9999999, id, direction, 'outbox', NULL, state,
         CASE state WHEN 'done'
           THEN 'OH message ' || coalesce(oh_message_id, '-') || ', MHV message ' || coalesce(mhv_message_id, '-')
           ELSE error_code || ': ' || reason END
  FROM outbox WHERE settled_at IS NOT NULL
  UNION ALL
  SELECT settled_at, 999998, id, direction, 'inbox', NULL, CASE outcome WHEN 'duplicate' THEN outcome ELSE state END,
         coalesce(error_code || ': ' || reason, 'carried by message ' || duplicate_of)
  FROM inbox WHERE settled_at IS NOT NULL
)
ORDER BY message_id, ms, step;
--> statement-breakpoint
CREATE VIEW stuck AS
SELECT q.id AS message_id, q.direction, q.stage,
       CASE
         WHEN q.state = 'dead' THEN 'a person'
         WHEN blocker.id IS NOT NULL THEN 'message ' || blocker.id
         WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.message_id = q.id AND a.stage = q.stage
                      AND a.number = q.attempts AND a.ended_at IS NULL) THEN 'an answer'
         WHEN q.due_at > unixepoch('subsec') * 1000 THEN 'its next attempt'
         ELSE 'a free poller'
       END AS waits_for,
       q.error_code || ': ' || q.reason AS why,
       CASE WHEN q.state = 'pending' THEN strftime('%Y-%m-%dT%H:%M:%fZ', q.due_at / 1000.0, 'unixepoch') END AS until,
       q.attempts,
       CAST(unixepoch('subsec') - q.accepted_at / 1000.0 AS INTEGER) AS age_seconds
FROM (
  SELECT 'inbox' AS stage, seq, id, direction, state, order_key, attempts, due_at, error_code, reason, accepted_at
  FROM inbox WHERE state = 'pending'
  UNION ALL
  SELECT 'inbox', seq, id, direction, state, order_key, attempts, due_at, error_code, reason, accepted_at
  FROM inbox WHERE state = 'dead'
  UNION ALL
  SELECT 'outbox', seq, id, direction, state, order_key, attempts, due_at, error_code, reason, accepted_at
  FROM outbox WHERE state = 'pending'
  UNION ALL
  SELECT 'outbox', seq, id, direction, state, order_key, attempts, due_at, error_code, reason, accepted_at
  FROM outbox WHERE state = 'dead'
) AS q
LEFT JOIN (
  SELECT 'inbox' AS stage, order_key, min(seq) AS seq, id FROM inbox WHERE state = 'pending' GROUP BY order_key
  UNION ALL
  SELECT 'outbox', order_key, min(seq), id FROM outbox WHERE state = 'pending' GROUP BY order_key
) AS blocker ON blocker.stage = q.stage AND blocker.order_key = q.order_key AND blocker.seq < q.seq AND q.state = 'pending'
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
