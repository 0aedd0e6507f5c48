CREATE TABLE `data_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`proof` blob NOT NULL,
	`noted_at` integer NOT NULL,
	`is_leaving` integer DEFAULT false NOT NULL
);
--> statement-breakpoint
ALTER TABLE `inbox` ADD `receiving_pool_id` text;--> statement-breakpoint
ALTER TABLE `quarantine` ADD `body_sealed` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `quarantine` ADD `size_bytes` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `quarantine` ADD `fault_count` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `quarantine` ADD `rejected` integer;
--> statement-breakpoint
-- What lists and the purge need of a document that may be sealed from now on.
UPDATE quarantine SET size_bytes = length(body), fault_count = json_array_length(faults),
  rejected = json_extract(replay, '$.rejected');
