CREATE VIEW session_timeline AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, icn, event, detail
FROM session_events ORDER BY icn, seq;
