-- A row is one track that a listener has played since an instant, as Spotify's API last told it, or as an export names it
-- where the API never did. What that play does not tell (names are emptied when music is taken down) the next one tells.
-- Its ISRC is the newest that any of these plays told.
SELECT
  track_id,
  FIRST_VALUE(NULLIF(track_name, '')) OVER (
    PARTITION BY track_id ORDER BY NULLIF(track_name, '') IS NULL, source, energy IS NULL, played_at DESC
  ) AS track_name,
  FIRST_VALUE(NULLIF(artist_id, '')) OVER (
    PARTITION BY track_id ORDER BY NULLIF(artist_id, '') IS NULL, source, energy IS NULL, played_at DESC
  ) AS artist_id,
  FIRST_VALUE(NULLIF(artist_name, '')) OVER (
    PARTITION BY track_id ORDER BY NULLIF(artist_name, '') IS NULL, source, energy IS NULL, played_at DESC
  ) AS artist_name,
  FIRST_VALUE(NULLIF(artist_names, '')) OVER (
    PARTITION BY track_id ORDER BY NULLIF(artist_names, '') IS NULL, source, energy IS NULL, played_at DESC
  ) AS artist_names,
  FIRST_VALUE(NULLIF(album_id, '')) OVER (
    PARTITION BY track_id ORDER BY NULLIF(album_id, '') IS NULL, source, energy IS NULL, played_at DESC
  ) AS album_id,
  FIRST_VALUE(NULLIF(album_name, '')) OVER (
    PARTITION BY track_id ORDER BY NULLIF(album_name, '') IS NULL, source, energy IS NULL, played_at DESC
  ) AS album_name,
  FIRST_VALUE(NULLIF(album_release_date, '')) OVER (
    PARTITION BY track_id ORDER BY NULLIF(album_release_date, '') IS NULL, source, energy IS NULL, played_at DESC
  ) AS album_release_date,
  FIRST_VALUE(NULLIF(image_url, '')) OVER (
    PARTITION BY track_id ORDER BY NULLIF(image_url, '') IS NULL, source, energy IS NULL, played_at DESC
  ) AS image_url,
  FIRST_VALUE(NULLIF(isrc, '')) OVER (PARTITION BY track_id ORDER BY NULLIF(isrc, '') IS NULL, played_at DESC) AS isrc,
  FIRST_VALUE(duration_ms) OVER (
    PARTITION BY track_id ORDER BY duration_ms IS NULL, source, energy IS NULL, played_at DESC
  ) AS duration_ms,
  FIRST_VALUE(explicit) OVER (
    PARTITION BY track_id ORDER BY explicit IS NULL, source, energy IS NULL, played_at DESC
  ) AS explicit,
  popularity, danceability, energy, speechiness, acousticness, instrumentalness, liveness, valence, tempo,
  features_source
FROM plays
WHERE listener_id = @listener_id AND played_at >= @since
QUALIFY ROW_NUMBER() OVER (PARTITION BY track_id ORDER BY source, energy IS NULL, played_at DESC) = 1
