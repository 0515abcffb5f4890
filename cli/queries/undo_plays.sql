-- Rows are those of one import in a stretch of time. It is to be undone: plays that only it has brought go, and plays of
-- the API's lose the time played that it had brought, and what else only an export has.
MERGE plays
USING (SELECT @import_id AS import_id) AS undone
ON plays.played_at >= @since AND plays.played_at < @until
  AND (plays.import_id = undone.import_id OR plays.ms_played_import_id = undone.import_id)
WHEN MATCHED AND plays.import_id = undone.import_id THEN
  DELETE
WHEN MATCHED THEN
  UPDATE SET
    ms_played = NULL, reported_at = NULL, ms_played_import_id = NULL, reason_start = NULL, reason_end = NULL,
    skipped = NULL, shuffle = NULL, incognito_mode = NULL
