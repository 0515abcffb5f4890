-- A row is one play that is stored twice, with the row to keep (`kept_at`, `kept_id`): two MERGEs that ran at once can both
-- insert it, because BigQuery enforces no key. Either several rows have its key (`is_key`); or it has one row from the API
-- that lacks `ms_played` and one from an export with another key, rows of two imports with other keys, or rows of the API
-- with other ids of the track: same_play.sql makes one row of such plays where one lands after the other. Of rows that
-- differ in whether their beginning is known, nothing here says whether they are two plays of one trip offline: they are
-- left.
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
-- Only a landed file says which play came before, and these rows are stored. same_play.sql takes them for a landed file: with
-- `reported_at` at the end of the play it assumes no pause.
landed AS (
  SELECT * REPLACE (COALESCE(reported_at, played_at) AS reported_at)
  FROM by_key
  WHERE source = 'export'
),
stored AS (
  SELECT *
  FROM by_key
  WHERE source = 'api'
  QUALIFY (ms_played IS NULL AND reported_at IS NULL) OR COUNT(*) OVER (PARTITION BY listener_id, played_at) > 1
),
same_play AS (
$same_play),
of_two_imports AS (
  SELECT later.listener_id, later.played_at, later.track_id, earlier.played_at AS kept_at, earlier.track_id AS kept_id
  FROM by_key AS later
  INNER JOIN by_key AS earlier
    ON later.listener_id = earlier.listener_id AND later.source = earlier.source AND later.ms_played = earlier.ms_played
    AND COALESCE(later.reported_at, later.played_at) = COALESCE(earlier.reported_at, earlier.played_at)
  WHERE later.source = 'export' AND later.import_id > earlier.import_id
    AND (later.reported_at IS NULL) = (earlier.reported_at IS NULL)
    AND ABS(TIMESTAMP_DIFF(later.played_at, earlier.played_at, MILLISECOND))
      <= LEAST(later.ms_played - 1, IF(later.ms_played < 4000, 2000, later.ms_played / 2))
    AND (
      later.track_id = earlier.track_id
      OR (
        later.ms_played > 2000
        AND LOWER(later.track_name) = LOWER(earlier.track_name) AND LOWER(later.artist_name) = LOWER(earlier.artist_name)
      )
    )
),
-- A row that goes keeps no other: of three that each begin within half of the one before, the last can begin when the first
-- has ended.
twins AS (
  SELECT listener_id, played_at, track_id, stored_at AS kept_at, stored_id AS kept_id, 'api' AS kept_source
  FROM same_play
  WHERE outcome IN ('completed', 'doubled')
  UNION ALL
  SELECT twin.listener_id, twin.played_at, twin.track_id, twin.kept_at, twin.kept_id, 'export'
  FROM of_two_imports AS twin
  LEFT JOIN of_two_imports AS gone
    ON twin.listener_id = gone.listener_id AND twin.kept_at = gone.played_at AND twin.kept_id = gone.track_id
  WHERE gone.listener_id IS NULL
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
