-- Rows are plays whose key several rows have: one is left, the API's before an export's and then the oldest, with the time
-- heard from whichever row has it. One statement, so that readers see the rows before or the row after.
MERGE plays
USING (
  SELECT * REPLACE (MAX(ms_played) OVER (PARTITION BY listener_id, played_at, track_id) AS ms_played)
  FROM plays
  WHERE played_at IN UNNEST(@instants)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY listener_id, played_at, track_id ORDER BY source, ingested_at, run_id) = 1
) AS single
ON FALSE
WHEN NOT MATCHED BY SOURCE AND plays.played_at IN UNNEST(@instants) THEN
  DELETE
WHEN NOT MATCHED BY TARGET THEN
  INSERT ROW
