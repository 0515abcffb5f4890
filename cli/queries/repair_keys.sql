-- Rows are plays whose key several rows have: one is left, the API's before an import's and then the oldest. Where it lacks
-- the time played, it has that of the next row that has one, with all that only an export has. One statement, so that
-- readers see the rows before or the row after. Of one listener, or of all where @listener_id is NULL.
MERGE plays
USING (
  WITH doubled AS (
    SELECT *,
      FIRST_VALUE(ms_played) OVER known_first AS known_ms_played,
      FIRST_VALUE(reported_at) OVER known_first AS known_reported_at,
      FIRST_VALUE(ms_played_import_id) OVER known_first AS known_ms_played_import_id,
      FIRST_VALUE(reason_start) OVER known_first AS known_reason_start,
      FIRST_VALUE(reason_end) OVER known_first AS known_reason_end,
      FIRST_VALUE(skipped) OVER known_first AS known_skipped,
      FIRST_VALUE(shuffle) OVER known_first AS known_shuffle,
      FIRST_VALUE(incognito_mode) OVER known_first AS known_incognito_mode,
      ROW_NUMBER() OVER (
        PARTITION BY listener_id, played_at, track_id ORDER BY source, import_id, ingested_at, run_id
      ) AS place
    FROM plays
    WHERE played_at IN UNNEST(@instants) AND listener_id = COALESCE(@listener_id, listener_id)
    WINDOW known_first AS (
      PARTITION BY listener_id, played_at, track_id ORDER BY ms_played IS NULL, source, import_id, ingested_at, run_id
    )
  )
  SELECT * EXCEPT (
      known_ms_played, known_reported_at, known_ms_played_import_id, known_reason_start, known_reason_end, known_skipped,
      known_shuffle, known_incognito_mode, place
    )
    REPLACE (
      known_ms_played AS ms_played, known_reported_at AS reported_at,
      known_ms_played_import_id AS ms_played_import_id, known_reason_start AS reason_start,
      known_reason_end AS reason_end, known_skipped AS skipped, known_shuffle AS shuffle,
      known_incognito_mode AS incognito_mode
    )
  FROM doubled
  WHERE place = 1
) AS single
ON FALSE
WHEN NOT MATCHED BY SOURCE AND plays.played_at IN UNNEST(@instants)
  AND plays.listener_id = COALESCE(@listener_id, plays.listener_id) THEN
  DELETE
WHEN NOT MATCHED BY TARGET THEN
  INSERT ROW
