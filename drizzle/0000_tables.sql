CREATE TABLE `triage_groups` (
	`oh_pool_id` text NOT NULL,
	`name` text NOT NULL,
	`station_number` text NOT NULL,
	`mhv_triage_team_id` text,
	`is_preferred` integer NOT NULL,
	`source` text NOT NULL,
	`updated_at` integer NOT NULL,
	`actor` text NOT NULL,
	PRIMARY KEY(`oh_pool_id`, `name`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `triage_groups_preferred` ON `triage_groups` (`oh_pool_id`) WHERE is_preferred;--> statement-breakpoint
CREATE INDEX `triage_groups_updated_at` ON `triage_groups` (`updated_at`);--> statement-breakpoint
CREATE TABLE `archive_pages` (
	`address` text PRIMARY KEY NOT NULL,
	`taken_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `attempts` (
	`message_id` text NOT NULL,
	`stage` text NOT NULL,
	`number` integer NOT NULL,
	`correlation_id` text NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer,
	`outcome` text,
	`found` integer,
	`error_code` text,
	`reason` text,
	`http_status` integer,
	PRIMARY KEY(`message_id`, `stage`, `number`),
	FOREIGN KEY (`message_id`) REFERENCES `inbox`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `events` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`message_id` text NOT NULL,
	`at` integer NOT NULL,
	`stage` text NOT NULL,
	`attempt` integer,
	`event` text NOT NULL,
	`detail` text,
	`actor` text,
	FOREIGN KEY (`message_id`) REFERENCES `inbox`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `events_message_id` ON `events` (`message_id`);--> statement-breakpoint
CREATE TABLE `inbox` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`direction` text NOT NULL,
	`state` text DEFAULT 'pending' NOT NULL,
	`order_key` text NOT NULL,
	`blocked` integer DEFAULT false NOT NULL,
	`payload` text NOT NULL,
	`due_at` integer NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`postponements` integer DEFAULT 0 NOT NULL,
	`in_doubt_since` integer,
	`outcome` text,
	`error_code` text,
	`reason` text,
	`http_status` integer,
	`icn` text,
	`oh_patient_id` text,
	`oh_message_id` text,
	`mhv_message_id` text,
	`mhv_thread_id` text,
	`accepted_at` integer NOT NULL,
	`settled_at` integer,
	`purged_at` integer,
	`dedupe_key` text,
	`request_digest` text,
	`duplicate_of` text,
	`source` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `inbox_id` ON `inbox` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `inbox_dedupe_key` ON `inbox` (`dedupe_key`) WHERE dedupe_key IS NOT NULL;--> statement-breakpoint
CREATE INDEX `inbox_due` ON `inbox` (`direction`,`blocked`,`due_at`,`seq`) WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX `inbox_order` ON `inbox` (`order_key`,`seq`) WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX `inbox_dead` ON `inbox` (`settled_at`) WHERE state = 'dead';--> statement-breakpoint
CREATE INDEX `inbox_dead_order` ON `inbox` (`order_key`,`seq`) WHERE state = 'dead';--> statement-breakpoint
CREATE INDEX `inbox_unpurged` ON `inbox` (`settled_at`) WHERE settled_at IS NOT NULL AND purged_at IS NULL;--> statement-breakpoint
CREATE INDEX `inbox_unmapped` ON `inbox` (`seq`) WHERE state = 'pending' AND error_code = 'directory:unmapped-pool';--> statement-breakpoint
CREATE INDEX `inbox_history` ON `inbox` (`order_key`) WHERE source = 'history';--> statement-breakpoint
CREATE INDEX `inbox_icn` ON `inbox` (`icn`) WHERE icn IS NOT NULL;--> statement-breakpoint
CREATE INDEX `inbox_oh_message_id` ON `inbox` (`oh_message_id`) WHERE oh_message_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `inbox_mhv_message_id` ON `inbox` (`mhv_message_id`) WHERE mhv_message_id IS NOT NULL;--> statement-breakpoint
CREATE TABLE `links` (
	`oh_message_id` text PRIMARY KEY NOT NULL,
	`direction` text,
	`mhv_message_id` text,
	`mhv_thread_id` text,
	`oh_reference_id` text,
	`oh_pool_id` text,
	`linked_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `links_mhv_message_id` ON `links` (`mhv_message_id`) WHERE mhv_message_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `links_oh_reference_id` ON `links` (`oh_reference_id`) WHERE oh_reference_id IS NOT NULL;--> statement-breakpoint
CREATE TABLE `outbox` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`direction` text NOT NULL,
	`state` text DEFAULT 'pending' NOT NULL,
	`order_key` text NOT NULL,
	`blocked` integer DEFAULT false NOT NULL,
	`payload` text NOT NULL,
	`due_at` integer NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`postponements` integer DEFAULT 0 NOT NULL,
	`in_doubt_since` integer,
	`outcome` text,
	`error_code` text,
	`reason` text,
	`http_status` integer,
	`icn` text,
	`oh_patient_id` text,
	`oh_message_id` text,
	`mhv_message_id` text,
	`mhv_thread_id` text,
	`accepted_at` integer NOT NULL,
	`settled_at` integer,
	`purged_at` integer,
	FOREIGN KEY (`id`) REFERENCES `inbox`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_id` ON `outbox` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_oh_message_id` ON `outbox` (`oh_message_id`) WHERE direction = 'oh-to-mhv';--> statement-breakpoint
CREATE INDEX `outbox_due` ON `outbox` (`direction`,`blocked`,`due_at`,`seq`) WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX `outbox_order` ON `outbox` (`order_key`,`seq`) WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX `outbox_dead` ON `outbox` (`settled_at`) WHERE state = 'dead';--> statement-breakpoint
CREATE INDEX `outbox_dead_order` ON `outbox` (`order_key`,`seq`) WHERE state = 'dead';--> statement-breakpoint
CREATE TABLE `pauses` (
	`destination` text PRIMARY KEY NOT NULL,
	`paused_at` integer NOT NULL,
	`actor` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `poller_lock` (
	`id` integer PRIMARY KEY NOT NULL,
	`owner` text NOT NULL,
	`heartbeat_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `quarantine` (
	`id` text PRIMARY KEY NOT NULL,
	`sha256` text NOT NULL,
	`first_seen_at` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	`pushes` integer DEFAULT 1 NOT NULL,
	`content_type` text,
	`body` blob NOT NULL,
	`scope` text NOT NULL,
	`faults` text NOT NULL,
	`replayed_at` integer,
	`replay` text,
	`purged_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `quarantine_sha256` ON `quarantine` (`sha256`);--> statement-breakpoint
CREATE INDEX `quarantine_unpurged` ON `quarantine` (`last_seen_at`) WHERE purged_at IS NULL;--> statement-breakpoint
CREATE TABLE `sessions` (
	`icn` text PRIMARY KEY NOT NULL,
	`state` text DEFAULT 'pending' NOT NULL,
	`named_oh_patient_id` text,
	`oh_patient_id` text,
	`since` integer,
	`until` integer,
	`listed_until` integer,
	`requested_at` integer NOT NULL,
	`listed_at` integer,
	`due_at` integer NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`fruitless_attempts` integer DEFAULT 0 NOT NULL,
	`error_code` text,
	`reason` text
);
--> statement-breakpoint
CREATE INDEX `sessions_due` ON `sessions` (`due_at`) WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX `sessions_listing` ON `sessions` (`oh_patient_id`) WHERE state = 'pending';--> statement-breakpoint
CREATE TABLE `settings` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `tombstones` (
	`ref` text NOT NULL,
	`deleted_at` integer NOT NULL,
	`received_at` integer NOT NULL,
	PRIMARY KEY(`ref`, `deleted_at`)
);
--> statement-breakpoint
CREATE TABLE `uploads` (
	`message_id` text NOT NULL,
	`position` integer NOT NULL,
	`sha256` text NOT NULL,
	`reference` text NOT NULL,
	`uploaded_at` integer NOT NULL,
	PRIMARY KEY(`message_id`, `position`),
	FOREIGN KEY (`message_id`) REFERENCES `inbox`(`id`) ON UPDATE no action ON DELETE no action
);
