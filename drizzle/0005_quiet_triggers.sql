-- The same rule for `blocked`, but a row is written only when its answer changes: a settled row is not
-- blocked already, and writing it once more would write its payload once more.

DROP TRIGGER inbox_blocked_when_settled;
--> statement-breakpoint
-- Of the rows behind it, only the next pending one can be the first of its key now, or no longer be it.
CREATE TRIGGER inbox_blocked_when_settled AFTER UPDATE OF state ON inbox
WHEN OLD.state <> NEW.state
BEGIN
  UPDATE inbox SET blocked = NOT blocked
  WHERE seq IN (NEW.seq, (SELECT min(n.seq) FROM inbox n
    WHERE n.state = 'pending' AND n.order_key = NEW.order_key AND n.seq > NEW.seq))
  AND blocked <> (state = 'pending' AND (
    EXISTS (SELECT 1 FROM inbox e WHERE e.state = 'pending' AND e.order_key = inbox.order_key AND e.seq < inbox.seq)
    OR EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold')
    AND EXISTS (SELECT 1 FROM inbox e WHERE e.state = 'dead' AND e.order_key = inbox.order_key AND e.seq < inbox.seq)));
END;
--> statement-breakpoint
DROP TRIGGER outbox_blocked_when_settled;
--> statement-breakpoint
CREATE TRIGGER outbox_blocked_when_settled AFTER UPDATE OF state ON outbox
WHEN OLD.state <> NEW.state
BEGIN
  UPDATE outbox SET blocked = NOT blocked
  WHERE seq IN (NEW.seq, (SELECT min(n.seq) FROM outbox n
    WHERE n.state = 'pending' AND n.order_key = NEW.order_key AND n.seq > NEW.seq))
  AND blocked <> (state = 'pending' AND (
    EXISTS (SELECT 1 FROM outbox e WHERE e.state = 'pending' AND e.order_key = outbox.order_key AND e.seq < outbox.seq)
    OR EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold')
    AND EXISTS (SELECT 1 FROM outbox e WHERE e.state = 'dead' AND e.order_key = outbox.order_key AND e.seq < outbox.seq)));
END;
