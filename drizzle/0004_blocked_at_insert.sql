-- The one statement that accepts a row says itself whether it is blocked (src/store/accept.ts). The trigger
-- wrote every blocked row, and its place in the index of what is due, a second time.

DROP TRIGGER inbox_blocked_when_accepted;
