-- A row is one track of one listener as Spotify's API last told it, or as an export names it where the API never did.
-- Its ISRC is the newest that any of its plays told.
SELECT
  track_id, track_name, artist_id, artist_name, artist_names, album_id, album_name, album_release_date, image_url,
  FIRST_VALUE(NULLIF(isrc, '')) OVER (
    PARTITION BY track_id ORDER BY NULLIF(isrc, '') IS NULL, played_at DESC
  ) AS isrc,
  duration_ms, explicit, popularity, danceability, energy, key, loudness, mode, speechiness, acousticness,
  instrumentalness, liveness, valence, tempo, features_source
FROM plays
WHERE listener_id = @listener_id AND played_at >= @since
QUALIFY ROW_NUMBER() OVER (PARTITION BY track_id ORDER BY source, energy IS NULL, played_at DESC) = 1
