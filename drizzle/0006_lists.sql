-- Indexes of `GET /messages` (src/store/find-candidates.ts): newest first over any stretch of time, and the few
-- messages that failed or carry an error, however many went well.

CREATE INDEX inbox_accepted ON inbox (accepted_at, seq);
--> statement-breakpoint
CREATE INDEX inbox_direction ON inbox (direction, accepted_at, seq);
--> statement-breakpoint
CREATE INDEX inbox_failed ON inbox (seq) WHERE state <> 'pending' AND outcome NOT IN ('delivered', 'duplicate');
--> statement-breakpoint
CREATE INDEX outbox_failed ON outbox (id) WHERE state <> 'pending' AND outcome <> 'delivered';
--> statement-breakpoint
CREATE INDEX inbox_error_code ON inbox (error_code) WHERE error_code IS NOT NULL;
--> statement-breakpoint
CREATE INDEX outbox_error_code ON outbox (error_code, id) WHERE error_code IS NOT NULL;
--> statement-breakpoint
CREATE INDEX inbox_duplicate_of ON inbox (duplicate_of) WHERE duplicate_of IS NOT NULL;
