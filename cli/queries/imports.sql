-- A row is one import, the newest first, with what is left of it: plays that only it has brought, times played of plays
-- that are here from the API, and gaps that it keeps closed.
SELECT
  imports.import_id, imports.listener_id, imports.started_at, imports.finished_at, imports.undone_at,
  imports.undo_finished_at, imports.files, imports.first_played_at, imports.last_played_at, imports.rows_in,
  imports.rows_new, imports.rows_completed, imports.rows_known,
  COALESCE(stored.plays, 0) AS plays_left,
  COALESCE(completed.plays, 0) AS times_left,
  COALESCE(closed.gaps, 0) AS gaps_left
FROM imports
LEFT JOIN (
  SELECT import_id, COUNT(*) AS plays
  FROM plays
  WHERE import_id IS NOT NULL
  GROUP BY import_id
) AS stored ON imports.import_id = stored.import_id
LEFT JOIN (
  SELECT ms_played_import_id AS import_id, COUNT(*) AS plays
  FROM plays
  WHERE ms_played_import_id IS NOT NULL AND (import_id IS NULL OR import_id != ms_played_import_id)
  GROUP BY ms_played_import_id
) AS completed ON imports.import_id = completed.import_id
LEFT JOIN (
  SELECT import_id, COUNT(*) AS gaps
  FROM closed_gaps
  GROUP BY import_id
) AS closed ON imports.import_id = closed.import_id
ORDER BY imports.import_id DESC
