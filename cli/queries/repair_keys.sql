-- Rows are plays whose key several rows have: one is left, the API's before an export's and then the oldest, with the time
-- heard from whichever row has it. One statement, so that readers see the rows before or the row after.
MERGE plays
USING (
  WITH doubled AS (
    SELECT *,
      MAX(ms_played) OVER (PARTITION BY listener_id, played_at, track_id) AS heard,
      MAX(reported_at) OVER (PARTITION BY listener_id, played_at, track_id) AS over_at,
      MAX(ms_played_import_id) OVER (PARTITION BY listener_id, played_at, track_id) AS heard_from,
      ROW_NUMBER() OVER (PARTITION BY listener_id, played_at, track_id ORDER BY source, ingested_at, run_id) AS place
    FROM plays
    WHERE played_at IN UNNEST(@instants)
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
