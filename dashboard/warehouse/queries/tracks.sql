-- A row is one track of one listener as the newest Spark batch listed it: source and last_played_at say what it had seen.
SELECT
  track_id, track_name, artist_id, artist_name, artist_names, album_id, album_name, album_release_date, image_url, isrc,
  duration_ms, explicit, popularity, danceability, energy, speechiness, acousticness, instrumentalness, liveness,
  valence, tempo, features_source, source, last_played_at
FROM tracks
WHERE listener_id = @listener_id
