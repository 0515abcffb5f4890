-- A row is one play that the warehouse already holds, from `oldest` on: 90 seconds before its listener's page begins.
SELECT
  plays.listener_id, plays.played_at, plays.track_id, plays.isrc, plays.import_id, plays.ingested_at,
  plays.source = 'export' OR plays.import_id IS NOT NULL AS is_only_imported
FROM plays
INNER JOIN UNNEST(@pages) AS page
  ON plays.listener_id = page.listener_id AND plays.played_at >= page.oldest
WHERE plays.played_at >= @oldest
