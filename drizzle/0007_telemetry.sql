DROP INDEX `inbox_dead`;--> statement-breakpoint
ALTER TABLE `inbox` ADD `traceparent` text;--> statement-breakpoint
CREATE INDEX `inbox_pending` ON `inbox` (`direction`,`accepted_at`) WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX `inbox_dead` ON `inbox` (`direction`,`settled_at`) WHERE state = 'dead';--> statement-breakpoint
DROP INDEX `outbox_dead`;--> statement-breakpoint
ALTER TABLE `outbox` ADD `traceparent` text;--> statement-breakpoint
CREATE INDEX `outbox_pending` ON `outbox` (`direction`,`accepted_at`) WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX `outbox_in_doubt` ON `outbox` (`direction`,`in_doubt_since`) WHERE state = 'pending' AND in_doubt_since IS NOT NULL;--> statement-breakpoint
CREATE INDEX `outbox_dead` ON `outbox` (`direction`,`settled_at`) WHERE state = 'dead';--> statement-breakpoint
ALTER TABLE `sessions` ADD `traceparent` text;--> statement-breakpoint
CREATE INDEX `sessions_dead` ON `sessions` (`requested_at`) WHERE state = 'dead';--> statement-breakpoint
CREATE INDEX `quarantine_waiting` ON `quarantine` (`purged_at`,`replayed_at`) WHERE purged_at IS NULL AND replayed_at IS NULL;