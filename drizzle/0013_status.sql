-- `status` of an inbox row is the message's, wherever it is on its way: a list of one status reads its page and no
-- more, however many others are newer. The default is what most rows of an older file are, so few are written here.
ALTER TABLE `inbox` ADD `status` text DEFAULT 'SENT' NOT NULL;
--> statement-breakpoint
UPDATE inbox SET status = 'IN_PROGRESS' WHERE state = 'pending';
--> statement-breakpoint
UPDATE inbox SET status = iif(outcome = 'rejected', 'INVALID', 'FAILED')
WHERE settled_at IS NOT NULL AND outcome NOT IN ('delivered', 'duplicate') AND state <> 'pending';
--> statement-breakpoint
UPDATE inbox SET status = 'IN_PROGRESS' WHERE id IN (SELECT id FROM outbox WHERE state = 'pending');
--> statement-breakpoint
UPDATE inbox SET status = 'IN_PROGRESS' WHERE duplicate_of IN (SELECT id FROM outbox WHERE state = 'pending');
--> statement-breakpoint
UPDATE inbox SET status = (SELECT iif(o.outcome = 'rejected', 'INVALID', 'FAILED') FROM outbox o WHERE o.id = inbox.id)
WHERE id IN (SELECT id FROM outbox WHERE state <> 'pending' AND outcome <> 'delivered');
--> statement-breakpoint
UPDATE inbox SET status = (SELECT iif(o.outcome = 'rejected', 'INVALID', 'FAILED') FROM outbox o WHERE o.id = inbox.duplicate_of)
WHERE duplicate_of IN (SELECT id FROM outbox WHERE state <> 'pending' AND outcome <> 'delivered');
--> statement-breakpoint
-- It takes the place of two indexes that each accepted row had to write.
DROP INDEX inbox_accepted;
--> statement-breakpoint
DROP INDEX inbox_direction;
--> statement-breakpoint
DROP INDEX inbox_failed;
--> statement-breakpoint
DROP INDEX outbox_failed;
--> statement-breakpoint
CREATE INDEX inbox_status ON inbox (status, direction, accepted_at);
--> statement-breakpoint
-- With the state and the direction beside them, a list of an error leaves out those of another status unread.
DROP INDEX inbox_error_code;
--> statement-breakpoint
CREATE INDEX inbox_error_code ON inbox (error_code, id, state, direction) WHERE error_code IS NOT NULL;
--> statement-breakpoint
DROP INDEX outbox_error_code;
--> statement-breakpoint
CREATE INDEX outbox_error_code ON outbox (error_code, id, state, direction) WHERE error_code IS NOT NULL;
--> statement-breakpoint
-- Accepting writes IN_PROGRESS. Triggers keep the column from then on, whoever changes a state: an inbox row that
-- was handed over stays as it is until its outbox row is settled, and a duplicate goes with the row that carries it.
CREATE TRIGGER inbox_status_when_settled AFTER UPDATE OF state, outcome, duplicate_of ON inbox
WHEN NEW.state = 'pending' AND OLD.state <> 'pending' OR NEW.state <> 'pending' AND NEW.outcome <> 'delivered'
BEGIN
  UPDATE inbox SET status = s.status
  FROM (SELECT CASE
      WHEN NEW.state = 'pending' THEN 'IN_PROGRESS'
      WHEN NEW.outcome = 'rejected' THEN 'INVALID'
      WHEN NEW.outcome <> 'duplicate' THEN 'FAILED'
      ELSE coalesce((SELECT i.status FROM outbox o JOIN inbox i ON i.id = o.id WHERE o.id = NEW.duplicate_of), 'SENT')
    END AS status) AS s
  WHERE inbox.seq = NEW.seq AND inbox.status <> s.status;
END;
--> statement-breakpoint
CREATE TRIGGER outbox_status_when_settled AFTER UPDATE OF state, outcome ON outbox
WHEN OLD.state <> NEW.state OR NEW.state <> 'pending' AND OLD.outcome IS NOT NEW.outcome
BEGIN
  UPDATE inbox SET status = CASE
      WHEN NEW.state = 'pending' THEN 'IN_PROGRESS'
      WHEN NEW.outcome = 'rejected' THEN 'INVALID'
      WHEN NEW.outcome <> 'delivered' THEN 'FAILED'
      ELSE 'SENT' END
  WHERE id = NEW.id OR duplicate_of = NEW.id;
END;
