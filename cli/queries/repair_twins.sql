-- Rows are plays that the API and an export have each brought under a key of its own: the API's row learns the time heard,
-- the export's goes, as load would have done had it seen the other.
MERGE plays
USING (
  SELECT
    twin.listener_id, twin.kept_at AS played_at, twin.kept_id AS track_id, twin.ms_played, twin.reported_at,
    twin.ms_played_import_id, 'api' AS source
  FROM UNNEST(@twins) AS twin
  UNION ALL
  SELECT
    twin.listener_id, twin.played_at, twin.track_id, twin.ms_played, twin.reported_at, twin.ms_played_import_id,
    'export'
  FROM UNNEST(@twins) AS twin
) AS half
ON plays.listener_id = half.listener_id AND plays.played_at = half.played_at AND plays.track_id = half.track_id
  AND plays.source = half.source
WHEN MATCHED AND half.source = 'export' THEN
  DELETE
WHEN MATCHED THEN
  UPDATE SET
    ms_played = half.ms_played, reported_at = half.reported_at, ms_played_import_id = half.ms_played_import_id
