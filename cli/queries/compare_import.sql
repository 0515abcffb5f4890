-- A row is what load would do with one file's plays of an import: how many are new, completed, known. One more row, with
-- `file` NULL, has the plays that are stored in the stretches of the export, and those of them that the export lacks.
WITH landed AS (
  SELECT *, 'new' AS import_id
  FROM $staging
),
stored AS (
  SELECT
    listener_id, played_at, track_id, source, ms_played, reported_at, track_name, artist_name, artist_names,
    album_name, duration_ms, isrc, import_id
  FROM plays
  WHERE listener_id = @listener_id AND played_at BETWEEN @oldest AND @newest
    AND COALESCE(reported_at, played_at) >= @near
  QUALIFY ROW_NUMBER() OVER (PARTITION BY listener_id, played_at, track_id ORDER BY source, ms_played DESC) = 1
),
same_play AS (
$same_play)
SELECT
  landed.file,
  SUM(IF(same_play.outcome = 'new', 1, 0)) AS `new`,
  SUM(IF(same_play.outcome = 'completed', 1, 0)) AS completed,
  SUM(IF(same_play.outcome = 'known', 1, 0)) AS known,
  0 AS stored,
  0 AS missing
FROM landed
INNER JOIN same_play ON landed.played_at = same_play.played_at AND landed.track_id = same_play.track_id
GROUP BY landed.file
UNION ALL
SELECT NULL, 0, 0, 0, COUNT(*), SUM(IF(same_play.outcome IS NULL, 1, 0))
FROM stored
-- Where a play is stored twice, load finds the other row, which has the same instant.
LEFT JOIN same_play AS doubled
  ON stored.played_at = doubled.played_at AND stored.track_id = doubled.track_id AND doubled.outcome = 'doubled'
LEFT JOIN same_play
  ON stored.played_at = same_play.stored_at AND COALESCE(doubled.stored_id, stored.track_id) = same_play.stored_id
  AND same_play.outcome != 'doubled'
WHERE EXISTS (
  SELECT 1
  FROM UNNEST(@spans) AS span
  WHERE stored.played_at BETWEEN span.begins_at AND span.ends_at
)
