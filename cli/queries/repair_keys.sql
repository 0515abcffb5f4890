-- Rows are plays whose key several rows have: one is left, the API's before an import's and then the oldest. Where it lacks
-- the time played, it has that of the next row that has one. One statement, so that readers see the rows before or the row
-- after.
MERGE plays
USING (
  WITH doubled AS (
    SELECT *,
      FIRST_VALUE(ms_played) OVER telling AS heard,
      FIRST_VALUE(reported_at) OVER telling AS over_at,
      FIRST_VALUE(ms_played_import_id) OVER telling AS heard_from,
      ROW_NUMBER() OVER (
        PARTITION BY listener_id, played_at, track_id ORDER BY source, import_id, ingested_at, run_id
      ) AS place
    FROM plays
    WHERE played_at IN UNNEST(@instants)
    WINDOW telling AS (
      PARTITION BY listener_id, played_at, track_id ORDER BY ms_played IS NULL, source, import_id, ingested_at, run_id
    )
  )
  SELECT * EXCEPT (heard, over_at, heard_from, place)
    REPLACE (heard AS ms_played, over_at AS reported_at, heard_from AS ms_played_import_id)
  FROM doubled
  WHERE place = 1
) AS single
ON FALSE
WHEN NOT MATCHED BY SOURCE AND plays.played_at IN UNNEST(@instants) THEN
  DELETE
WHEN NOT MATCHED BY TARGET THEN
  INSERT ROW
