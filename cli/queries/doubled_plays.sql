-- A row is one play that is stored twice, with the row to keep, by load's own rule (functions/load/queries/doubled.sql). Of one
-- listener, or of all where @listener_id is NULL.
WITH stored_rows AS (
  SELECT
    listener_id, played_at, track_id, source, ms_played, reported_at, track_name, artist_name, artist_names,
    album_name, duration_ms, isrc, import_id
  FROM plays
  WHERE listener_id = COALESCE(@listener_id, listener_id)
)
SELECT listener_id, played_at, track_id, kept_at, kept_id, is_key
FROM (
$doubled)
ORDER BY listener_id, played_at, track_id
