-- A row is one track that a listener has played since an instant, as Spotify's API last told it, or as an export names it
-- where the API never did. Its ISRC is the newest that any of these plays told.
SELECT
  track_id,
  MAX(IF(place = 1, track_name, NULL)) AS track_name,
  MAX(IF(place = 1, artist_id, NULL)) AS artist_id,
  MAX(IF(place = 1, artist_name, NULL)) AS artist_name,
  MAX(IF(place = 1, artist_names, NULL)) AS artist_names,
  MAX(IF(place = 1, album_id, NULL)) AS album_id,
  MAX(IF(place = 1, album_name, NULL)) AS album_name,
  MAX(IF(place = 1, album_release_date, NULL)) AS album_release_date,
  MAX(IF(place = 1, image_url, NULL)) AS image_url,
  MAX(IF(place = 1, newest_isrc, NULL)) AS isrc,
  MAX(IF(place = 1, duration_ms, NULL)) AS duration_ms,
  MAX(IF(place = 1, explicit, NULL)) AS explicit,
  MAX(IF(place = 1, popularity, NULL)) AS popularity,
  MAX(IF(place = 1, danceability, NULL)) AS danceability,
  MAX(IF(place = 1, energy, NULL)) AS energy,
  MAX(IF(place = 1, speechiness, NULL)) AS speechiness,
  MAX(IF(place = 1, acousticness, NULL)) AS acousticness,
  MAX(IF(place = 1, instrumentalness, NULL)) AS instrumentalness,
  MAX(IF(place = 1, liveness, NULL)) AS liveness,
  MAX(IF(place = 1, valence, NULL)) AS valence,
  MAX(IF(place = 1, tempo, NULL)) AS tempo,
  MAX(IF(place = 1, features_source, NULL)) AS features_source
FROM (
  SELECT
    track_id, track_name, artist_id, artist_name, artist_names, album_id, album_name, album_release_date, image_url,
    duration_ms, explicit, popularity, danceability, energy, speechiness, acousticness, instrumentalness, liveness,
    valence, tempo, features_source,
    ROW_NUMBER() OVER (PARTITION BY track_id ORDER BY source, energy IS NULL, played_at DESC) AS place,
    FIRST_VALUE(NULLIF(isrc, '')) OVER (
      PARTITION BY track_id ORDER BY NULLIF(isrc, '') IS NULL, played_at DESC
    ) AS newest_isrc
  FROM plays
  WHERE listener_id = @listener_id AND played_at >= @since
)
GROUP BY track_id
