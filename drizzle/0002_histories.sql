CREATE TABLE `session_events` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`icn` text NOT NULL,
	`at` integer NOT NULL,
	`event` text NOT NULL,
	`detail` text
);
--> statement-breakpoint
CREATE INDEX `session_events_icn` ON `session_events` (`icn`,`seq`);--> statement-breakpoint
ALTER TABLE `archive_pages` ADD `oh_message_ids` text;--> statement-breakpoint
ALTER TABLE `archive_pages` ADD `older` text;