-- Rows are plays that the API and an export have each brought under a key of its own: the API's row gets what it lacks
-- from the export's, and the export's goes, as load would have done had it seen the other.
MERGE plays
USING (
  SELECT
    twin.listener_id, twin.kept_at AS played_at, twin.kept_id AS track_id, 'api' AS source, export.track_name,
    export.artist_name, export.album_name, export.ms_played, export.ms_played_import_id, export.reason_start,
    export.reason_end, export.skipped, export.shuffle, export.incognito_mode,
    NULLIF(COALESCE(export.reported_at, export.played_at), twin.kept_at) AS reported_at
  FROM UNNEST(@twins) AS twin
  INNER JOIN plays AS export
    ON export.listener_id = twin.listener_id AND export.played_at = twin.played_at AND export.track_id = twin.track_id
  WHERE export.source = 'export'
  UNION ALL
  SELECT
    twin.listener_id, twin.played_at, twin.track_id, 'export', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL
  FROM UNNEST(@twins) AS twin
) AS half
ON plays.listener_id = half.listener_id AND plays.played_at = half.played_at AND plays.track_id = half.track_id
  AND plays.source = half.source
WHEN MATCHED AND half.source = 'export' THEN
  DELETE
WHEN MATCHED THEN
  UPDATE SET
    ms_played = half.ms_played, reported_at = half.reported_at, ms_played_import_id = half.ms_played_import_id,
    reason_start = half.reason_start, reason_end = half.reason_end, skipped = half.skipped, shuffle = half.shuffle,
    incognito_mode = half.incognito_mode,
    track_name = COALESCE(plays.track_name, half.track_name),
    artist_name = COALESCE(plays.artist_name, half.artist_name),
    album_name = COALESCE(plays.album_name, half.album_name)
