-- Rows are plays that the API and an export, or the API alone, have brought under two keys. The API's row stays. What an
-- export has said of the other fills it where no export has said anything of its own, as load does; then the other goes.
MERGE plays
USING (
  SELECT
    twin.listener_id, twin.kept_at AS played_at, twin.kept_id AS track_id, 'api' AS source, gone.track_name,
    gone.artist_name, gone.album_name, gone.ms_played, gone.ms_played_import_id, gone.reason_start,
    gone.reason_end, gone.skipped, gone.shuffle, gone.incognito_mode,
    NULLIF(COALESCE(gone.reported_at, gone.played_at), twin.kept_at) AS reported_at
  FROM UNNEST(@twins) AS twin
  INNER JOIN plays AS gone
    ON gone.listener_id = twin.listener_id AND gone.played_at = twin.played_at AND gone.track_id = twin.track_id
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY twin.listener_id, twin.kept_at, twin.kept_id ORDER BY gone.ms_played DESC
  ) = 1
  UNION ALL
  SELECT
    twin.listener_id, twin.played_at, twin.track_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL
  FROM UNNEST(@twins) AS twin
) AS half
ON plays.listener_id = half.listener_id AND plays.played_at = half.played_at AND plays.track_id = half.track_id
  AND plays.source = COALESCE(half.source, plays.source)
WHEN MATCHED AND half.source IS NULL THEN
  DELETE
WHEN MATCHED AND plays.ms_played IS NULL AND plays.reported_at IS NULL THEN
  UPDATE SET
    ms_played = half.ms_played, reported_at = half.reported_at, ms_played_import_id = half.ms_played_import_id,
    reason_start = half.reason_start, reason_end = half.reason_end, skipped = half.skipped, shuffle = half.shuffle,
    incognito_mode = half.incognito_mode,
    track_name = COALESCE(plays.track_name, half.track_name),
    artist_name = COALESCE(plays.artist_name, half.artist_name),
    album_name = COALESCE(plays.album_name, half.album_name)
