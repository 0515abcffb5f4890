-- A row is one play that the warehouse already holds, from the oldest instant of its listener's page on. Plays of an
-- import that was undone are about to be deleted.
SELECT
  plays.listener_id, plays.played_at, plays.track_id, plays.import_id,
  plays.source = 'export' OR plays.import_id IS NOT NULL AS is_only_imported
FROM plays
INNER JOIN UNNEST(@pages) AS page
  ON plays.listener_id = page.listener_id AND plays.played_at >= page.oldest
LEFT JOIN imports ON plays.import_id = imports.import_id AND imports.undone_at IS NOT NULL
WHERE plays.played_at >= @oldest AND imports.import_id IS NULL
