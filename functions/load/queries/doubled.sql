-- A row is one play that is stored twice, with the row to keep (`kept_at`, `kept_id`): two MERGEs that ran at once can both
-- insert it, because BigQuery enforces no key. Either several rows have its key (`is_key`); or it has one row from the API
-- that lacks `ms_played` and one from an export with another key, rows of two imports with other keys, or rows of the API
-- with other ids of the track: what same_play.sql pairs when one of them lands. Of rows that differ in whether their
-- beginning is known, nothing here says whether they are two plays of one trip offline: they are left.
--
-- `stored_rows` has the columns of `plays` that same_play.sql reads, and `tracks` is what it is there.
WITH by_key AS (
  SELECT *
  FROM stored_rows
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY listener_id, played_at, track_id ORDER BY source, ms_played DESC, reported_at DESC
  ) = 1
),
-- Of rows of the API with one instant and recording the first is taken for stored and the others for landed.
by_source AS (
  SELECT
    *,
    COUNT(*) OVER same_recording AS rows_of_recording,
    ROW_NUMBER() OVER (same_recording ORDER BY import_id, ms_played DESC, track_id) AS place
  FROM by_key
  WINDOW same_recording AS (PARTITION BY listener_id, played_at, source, COALESCE(isrc, LOWER(track_name)))
),
landed AS (
  SELECT *
  FROM by_source
  WHERE source = 'export' OR place > 1
),
stored AS (
  SELECT *
  FROM by_source
  WHERE source = 'api' AND place = 1 AND ((ms_played IS NULL AND reported_at IS NULL) OR rows_of_recording > 1)
),
same_play AS (
$same_play),
twins AS (
  SELECT
    landed.listener_id, landed.played_at, landed.track_id, same_play.stored_at AS kept_at,
    same_play.stored_id AS kept_id, 'api' AS kept_source
  FROM landed
  INNER JOIN same_play
    ON landed.listener_id = same_play.listener_id
    AND landed.played_at = same_play.played_at AND landed.track_id = same_play.track_id
  WHERE same_play.outcome = 'completed' OR (landed.source = 'api' AND same_play.outcome = 'known')
  UNION ALL
  SELECT later.listener_id, later.played_at, later.track_id, earlier.played_at, earlier.track_id, 'export'
  FROM landed AS later
  INNER JOIN landed AS earlier
    ON later.listener_id = earlier.listener_id AND later.ms_played = earlier.ms_played
    AND COALESCE(later.reported_at, later.played_at) = COALESCE(earlier.reported_at, earlier.played_at)
  WHERE later.import_id > earlier.import_id AND later.ms_played > 2000
    AND (later.reported_at IS NULL) = (earlier.reported_at IS NULL)
    AND ABS(TIMESTAMP_DIFF(later.played_at, earlier.played_at, MILLISECOND)) <= 2000
    AND (
      later.track_id = earlier.track_id
      OR (LOWER(later.track_name) = LOWER(earlier.track_name) AND LOWER(later.artist_name) = LOWER(earlier.artist_name))
    )
)
SELECT
  listener_id, played_at, track_id, played_at AS kept_at, track_id AS kept_id, TRUE AS is_key
FROM stored_rows
GROUP BY listener_id, played_at, track_id
HAVING COUNT(*) > 1
UNION ALL
SELECT listener_id, played_at, track_id, kept_at, kept_id, FALSE
FROM (
  SELECT *
  FROM twins
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY listener_id, played_at, track_id ORDER BY kept_source, kept_at, kept_id) = 1
)
