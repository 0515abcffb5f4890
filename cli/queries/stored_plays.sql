-- A row is one play of the listener that is stored, between two instants. Only plays of the API need their names.
SELECT
  played_at,
  track_id,
  source,
  ms_played,
  IF(source = 'api', track_name, NULL) AS track_name,
  IF(source = 'api', artist_name, NULL) AS artist_name
FROM plays
WHERE listener_id = @listener_id AND played_at BETWEEN @oldest AND @newest
