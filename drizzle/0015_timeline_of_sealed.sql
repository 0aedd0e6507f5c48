-- The same view, for a file whose contents are sealed: a detail that can't be read here says so, and who it is of.

DROP VIEW timeline;
--> statement-breakpoint
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
         i.direction, e.stage, e.attempt, e.event, coalesce(iif(typeof(e.detail) = 'blob', 'sealed', e.detail) || coalesce(' (' || e.actor || ')', ''), e.actor)
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
