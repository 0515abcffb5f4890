-- A row is one play of `landed`, with the key of the row of `stored` that is the same play, if there is one, and what
-- load does with it: `new` is inserted, `completed` adds what the stored row lacks, `known` changes nothing.
--
-- Both relations have the columns of `plays` that are read here, and one row per key. Rows with the same key are the
-- same play. Of the others, a row from the API and one from an export are the same play when
-- * the listener is the same, and so is the track's id, or else title and artist (capitals do not matter);
-- * the two ends lie at most 90 seconds apart;
-- * the export's row was heard for 30 seconds: shorter ones count nowhere, and the API does not show them;
-- * the stored row of the API lacks its time heard, or has learned the same one before: another belongs to another play;
-- * each is the other's nearest: same id before same name, then the smaller distance, then the earlier play.
-- The last makes it one to one.
--
-- A row with an import_id is one that only an import has brought here. The API's own telling takes its place; what an
-- import brings, an older row of the API's among it, adds the time heard at most.
WITH by_key AS (
  SELECT
    landed.listener_id, landed.played_at, landed.track_id, landed.source, landed.ms_played, landed.import_id,
    LOWER(landed.track_name) AS title, LOWER(landed.artist_name) AS artist,
    stored.source AS stored_source, stored.ms_played AS stored_ms_played, stored.import_id AS stored_import_id
  FROM landed
  LEFT JOIN stored
    ON landed.listener_id = stored.listener_id
    AND landed.played_at = stored.played_at AND landed.track_id = stored.track_id
),
open_rows AS (
  SELECT listener_id, played_at, track_id, source, ms_played, title, artist
  FROM by_key
  WHERE stored_source IS NULL AND (source = 'api' OR ms_played >= 30000)
),
stored_open AS (
  SELECT
    stored.listener_id, stored.played_at, stored.track_id, stored.source, stored.ms_played, stored.import_id,
    LOWER(stored.track_name) AS title, LOWER(stored.artist_name) AS artist
  FROM stored
  LEFT JOIN landed
    ON landed.listener_id = stored.listener_id
    AND landed.played_at = stored.played_at AND landed.track_id = stored.track_id
  WHERE landed.listener_id IS NULL AND (stored.source = 'api' OR stored.ms_played >= 30000)
),
-- Equal columns are what BigQuery can join on; a condition on the distance alone would compare all with all.
candidates AS (
  SELECT
    mine.listener_id, mine.played_at, mine.track_id, other.played_at AS stored_at, other.track_id AS stored_id,
    other.source AS stored_source, other.ms_played AS stored_ms_played, other.import_id AS stored_import_id,
    0 AS by_name,
    ABS(TIMESTAMP_DIFF(mine.played_at, other.played_at, MILLISECOND)) AS apart_ms
  FROM open_rows AS mine
  INNER JOIN stored_open AS other ON mine.listener_id = other.listener_id AND mine.track_id = other.track_id
  WHERE mine.source != other.source
    AND (mine.source = 'api' OR other.ms_played IS NULL OR mine.ms_played = other.ms_played)
  UNION ALL
  SELECT
    mine.listener_id, mine.played_at, mine.track_id, other.played_at, other.track_id,
    other.source, other.ms_played, other.import_id, 1,
    ABS(TIMESTAMP_DIFF(mine.played_at, other.played_at, MILLISECOND))
  FROM open_rows AS mine
  INNER JOIN stored_open AS other
    ON mine.listener_id = other.listener_id AND mine.title = other.title AND mine.artist = other.artist
  WHERE mine.source != other.source AND mine.track_id != other.track_id
    AND (mine.source = 'api' OR other.ms_played IS NULL OR mine.ms_played = other.ms_played)
),
pairs AS (
  SELECT listener_id, played_at, track_id, stored_at, stored_id, stored_source, stored_ms_played, stored_import_id
  FROM candidates
  WHERE apart_ms <= 90000
  QUALIFY
    ROW_NUMBER() OVER (
      PARTITION BY listener_id, played_at, track_id
      ORDER BY by_name, apart_ms, played_at, stored_at, track_id, stored_id
    ) = 1
    AND ROW_NUMBER() OVER (
      PARTITION BY listener_id, stored_at, stored_id
      ORDER BY by_name, apart_ms, played_at, stored_at, track_id, stored_id
    ) = 1
)
SELECT
  by_key.listener_id, by_key.played_at, by_key.track_id,
  COALESCE(pairs.stored_at, IF(by_key.stored_source IS NULL, NULL, by_key.played_at)) AS stored_at,
  COALESCE(pairs.stored_id, IF(by_key.stored_source IS NULL, NULL, by_key.track_id)) AS stored_id,
  CASE
    WHEN COALESCE(pairs.stored_source, by_key.stored_source) IS NULL THEN 'new'
    WHEN by_key.source = 'api' AND by_key.import_id IS NULL AND (
      COALESCE(pairs.stored_source, by_key.stored_source) = 'export'
      OR COALESCE(pairs.stored_import_id, by_key.stored_import_id) IS NOT NULL
    ) THEN 'completed'
    WHEN (by_key.source = 'export' OR by_key.import_id IS NOT NULL)
      AND by_key.ms_played IS NOT NULL
      AND COALESCE(pairs.stored_source, by_key.stored_source) = 'api'
      AND COALESCE(pairs.stored_ms_played, by_key.stored_ms_played) IS NULL
      THEN 'completed'
    ELSE 'known'
  END AS outcome
FROM by_key
LEFT JOIN pairs
  ON by_key.listener_id = pairs.listener_id
  AND by_key.played_at = pairs.played_at AND by_key.track_id = pairs.track_id
