-- One row per play that counts, as in the dashboard and the top ten: heard for 30 seconds or longer by an export, or
-- reported by Spotify's API alone. heard_ms is the time heard, or the track's length where no export reports it. A play
-- that is stored twice is one row: BigQuery enforces no key.
SELECT
  listener_id, played_at, track_id, track_name, artist_id, artist_name, artist_names, album_id, album_name,
  album_release_date, image_url, isrc, duration_ms, explicit, context_type, context_uri,
  COALESCE(ms_played, duration_ms, 0) AS heard_ms,
  danceability, energy, key, loudness, mode, speechiness, acousticness, instrumentalness, liveness, valence, tempo,
  time_signature, features_source, source
FROM `${dataset}.plays`
WHERE COALESCE(ms_played >= 30000, source = 'api')
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY listener_id, played_at, track_id ORDER BY source, ms_played DESC, ingested_at, run_id
) = 1
