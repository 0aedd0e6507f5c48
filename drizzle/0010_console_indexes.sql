-- For the operator console, so that none of its pages reads more than it shows. How many were accepted,
-- delivered and given up in each minute; the given up in order of acceptance; what has met one error. But
-- for the first two they hold only what went wrong.
DROP INDEX inbox_accepted;
--> statement-breakpoint
CREATE INDEX inbox_accepted ON inbox (accepted_at, seq, direction);
--> statement-breakpoint
CREATE INDEX outbox_delivered_at ON outbox (settled_at, direction) WHERE settled_at IS NOT NULL AND outcome = 'delivered';
--> statement-breakpoint
CREATE INDEX inbox_failed_at ON inbox (settled_at, direction) WHERE settled_at IS NOT NULL AND outcome NOT IN ('delivered', 'duplicate');
--> statement-breakpoint
CREATE INDEX outbox_failed_at ON outbox (settled_at, direction) WHERE settled_at IS NOT NULL AND outcome NOT IN ('delivered', 'duplicate');
--> statement-breakpoint
CREATE INDEX inbox_given_up ON inbox (id) WHERE settled_at IS NOT NULL AND outcome NOT IN ('delivered', 'duplicate');
--> statement-breakpoint
CREATE INDEX outbox_given_up ON outbox (id) WHERE settled_at IS NOT NULL AND outcome NOT IN ('delivered', 'duplicate');
--> statement-breakpoint
DROP INDEX inbox_error_code;
--> statement-breakpoint
CREATE INDEX inbox_error_code ON inbox (error_code, id) WHERE error_code IS NOT NULL;
--> statement-breakpoint
CREATE INDEX sessions_unlisted ON sessions (state) WHERE state <> 'listed';
