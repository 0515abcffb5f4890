-- A row is one track that a listener has played since an instant, as Spotify's API last reported it, or as an export names
-- it where the API never did. What that play lacks (names are emptied when music is taken down) comes from the next one;
-- the ISRC is the newest of all.
SELECT
  track_id,
  FIRST_VALUE(track_name) OVER (PARTITION BY track_id ORDER BY track_name IS NULL, place) AS track_name,
  FIRST_VALUE(artist_id) OVER (PARTITION BY track_id ORDER BY artist_id IS NULL, place) AS artist_id,
  FIRST_VALUE(artist_name) OVER (PARTITION BY track_id ORDER BY artist_name IS NULL, place) AS artist_name,
  FIRST_VALUE(artist_names) OVER (PARTITION BY track_id ORDER BY artist_names IS NULL, place) AS artist_names,
  FIRST_VALUE(album_id) OVER (PARTITION BY track_id ORDER BY album_id IS NULL, place) AS album_id,
  FIRST_VALUE(album_name) OVER (PARTITION BY track_id ORDER BY album_name IS NULL, place) AS album_name,
  FIRST_VALUE(album_release_date) OVER (
    PARTITION BY track_id ORDER BY album_release_date IS NULL, place
  ) AS album_release_date,
  FIRST_VALUE(image_url) OVER (PARTITION BY track_id ORDER BY image_url IS NULL, place) AS image_url,
  FIRST_VALUE(isrc) OVER (PARTITION BY track_id ORDER BY isrc IS NULL, played_at DESC) AS isrc,
  FIRST_VALUE(duration_ms) OVER (PARTITION BY track_id ORDER BY duration_ms IS NULL, place) AS duration_ms,
  FIRST_VALUE(explicit) OVER (PARTITION BY track_id ORDER BY explicit IS NULL, place) AS explicit,
  popularity, danceability, energy, speechiness, acousticness, instrumentalness, liveness, valence, tempo,
  features_source
FROM (
  SELECT
    track_id, NULLIF(track_name, '') AS track_name, NULLIF(artist_id, '') AS artist_id,
    NULLIF(artist_name, '') AS artist_name, NULLIF(artist_names, '') AS artist_names, NULLIF(album_id, '') AS album_id,
    NULLIF(album_name, '') AS album_name, NULLIF(album_release_date, '') AS album_release_date,
    NULLIF(image_url, '') AS image_url, NULLIF(isrc, '') AS isrc, duration_ms, explicit,
    popularity, danceability, energy, speechiness, acousticness, instrumentalness, liveness, valence, tempo,
    features_source, played_at,
    ROW_NUMBER() OVER (PARTITION BY track_id ORDER BY source, energy IS NULL, played_at DESC) AS place
  FROM plays
  WHERE listener_id = @listener_id AND played_at >= @since
)
QUALIFY place = 1
