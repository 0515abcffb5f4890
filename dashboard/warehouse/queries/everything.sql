-- A row is one play of one listener with every column, the oldest first: what the listener takes home.
SELECT *
FROM plays
WHERE listener_id = @listener_id
-- BigQuery enforces no key: of several rows that have it one is shown.
QUALIFY ROW_NUMBER() OVER (PARTITION BY played_at, track_id ORDER BY source, ms_played DESC, ingested_at, run_id) = 1
ORDER BY played_at, track_id
