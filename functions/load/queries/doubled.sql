-- A row is one play that is stored twice, with the row to keep (`kept_at`, `kept_id`): two MERGEs that ran at once can both
-- insert it, because BigQuery enforces no key. Either several rows have its key (`is_key`), or it has one row from the API
-- that lacks `ms_played` and one from an export with another key: what same_play.sql pairs when one of them lands.
--
-- `stored_rows` has the columns of `plays` that same_play.sql reads, and `tracks` is what it is there.
WITH by_source AS (
  SELECT *
  FROM stored_rows
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY listener_id, played_at, track_id ORDER BY source, ms_played DESC, reported_at DESC) = 1
),
landed AS (
  SELECT *
  FROM by_source
  WHERE source = 'export'
),
stored AS (
  SELECT *
  FROM by_source
  WHERE source = 'api' AND ms_played IS NULL AND reported_at IS NULL
),
same_play AS (
$same_play)
SELECT
  listener_id, played_at, track_id, played_at AS kept_at, track_id AS kept_id, TRUE AS is_key
FROM stored_rows
GROUP BY listener_id, played_at, track_id
HAVING COUNT(*) > 1
UNION ALL
SELECT
  landed.listener_id, landed.played_at, landed.track_id, same_play.stored_at, same_play.stored_id, FALSE
FROM landed
INNER JOIN same_play
  ON landed.listener_id = same_play.listener_id
  AND landed.played_at = same_play.played_at AND landed.track_id = same_play.track_id
WHERE same_play.outcome = 'completed'
