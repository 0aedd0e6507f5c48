-- The chain begins at row 0, whose hash is 64 zeros.
INSERT INTO audit_chain (id, head_seq, head_hash, anchor_seq, anchor_hash)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0, '0000000000000000000000000000000000000000000000000000000000000000');
--> statement-breakpoint
CREATE TRIGGER audit_goes_on BEFORE INSERT ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_chain WHERE head_seq = NEW.seq - 1 AND head_hash = NEW.prev_hash)
BEGIN
  SELECT RAISE(ABORT, 'an audit row goes on from the head of its chain');
END;
--> statement-breakpoint
CREATE TRIGGER audit_moves_head AFTER INSERT ON audit
BEGIN
  UPDATE audit_chain SET head_seq = NEW.seq, head_hash = NEW.hash;
END;
--> statement-breakpoint
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'the audit is append-only');
END;
--> statement-breakpoint
-- What is older than the anchor may go: see `bun run audit prune`.
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_chain WHERE anchor_seq >= OLD.seq)
BEGIN
  SELECT RAISE(ABORT, 'the audit is append-only');
END;
--> statement-breakpoint
CREATE TRIGGER audit_chain_is_not_deleted BEFORE DELETE ON audit_chain
BEGIN
  SELECT RAISE(ABORT, 'the audit is append-only');
END;
--> statement-breakpoint
-- Head and anchor only go forward, each to a row that is there.
CREATE TRIGGER audit_chain_goes_forward BEFORE UPDATE ON audit_chain
WHEN NEW.head_seq < OLD.head_seq OR NEW.anchor_seq < OLD.anchor_seq
  OR NEW.head_seq <> OLD.head_seq AND NOT EXISTS (SELECT 1 FROM audit WHERE seq = NEW.head_seq AND hash = NEW.head_hash)
  OR NEW.head_seq = OLD.head_seq AND NEW.head_hash <> OLD.head_hash
  OR NEW.anchor_seq <> OLD.anchor_seq AND NOT EXISTS (SELECT 1 FROM audit WHERE seq = NEW.anchor_seq AND hash = NEW.anchor_hash)
  OR NEW.anchor_seq = OLD.anchor_seq AND NEW.anchor_hash <> OLD.anchor_hash
BEGIN
  SELECT RAISE(ABORT, 'the chain of the audit only goes forward');
END;
