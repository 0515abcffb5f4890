-- One row per play that counts, as in the dashboard and the top ten: by an export played for 30 seconds or longer, or
-- reported by Spotify's API alone. heard_ms is the time played, or the track's length where no export reports it. What the
-- play does not say of its track, and the audio features, come from the catalogue. A play that is stored twice is one row:
-- BigQuery enforces no key.
SELECT
  plays.listener_id, plays.played_at, plays.track_id,
  COALESCE(plays.track_name, catalogue.track_name) AS track_name,
  COALESCE(plays.artist_id, catalogue.artist_id) AS artist_id,
  COALESCE(plays.artist_name, catalogue.artist_name) AS artist_name,
  COALESCE(plays.artist_names, catalogue.artist_names) AS artist_names,
  COALESCE(plays.album_id, catalogue.album_id) AS album_id,
  COALESCE(plays.album_name, catalogue.album_name) AS album_name,
  COALESCE(plays.album_release_date, catalogue.album_release_date) AS album_release_date,
  COALESCE(plays.image_url, catalogue.image_url) AS image_url,
  COALESCE(plays.isrc, catalogue.isrc) AS isrc,
  COALESCE(plays.duration_ms, catalogue.duration_ms) AS duration_ms,
  COALESCE(plays.explicit, catalogue.explicit) AS explicit,
  plays.context_type, plays.context_uri,
  COALESCE(plays.ms_played, plays.duration_ms, catalogue.duration_ms, 0) AS heard_ms,
  COALESCE(catalogue.danceability, plays.danceability) AS danceability,
  COALESCE(catalogue.energy, plays.energy) AS energy,
  COALESCE(catalogue.key, plays.key) AS key,
  COALESCE(catalogue.loudness, plays.loudness) AS loudness,
  COALESCE(catalogue.mode, plays.mode) AS mode,
  COALESCE(catalogue.speechiness, plays.speechiness) AS speechiness,
  COALESCE(catalogue.acousticness, plays.acousticness) AS acousticness,
  COALESCE(catalogue.instrumentalness, plays.instrumentalness) AS instrumentalness,
  COALESCE(catalogue.liveness, plays.liveness) AS liveness,
  COALESCE(catalogue.valence, plays.valence) AS valence,
  COALESCE(catalogue.tempo, plays.tempo) AS tempo,
  COALESCE(catalogue.time_signature, plays.time_signature) AS time_signature,
  COALESCE(catalogue.features_source, plays.features_source) AS features_source,
  plays.reason_start, plays.reason_end, plays.skipped, plays.shuffle, plays.incognito_mode, plays.source
FROM `${dataset}.plays` AS plays
LEFT JOIN `${dataset}.catalogue` AS catalogue ON plays.track_id = catalogue.track_id
WHERE COALESCE(plays.ms_played >= 30000, plays.source = 'api')
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY plays.listener_id, plays.played_at, plays.track_id
  ORDER BY plays.source, plays.ms_played DESC, plays.ingested_at, plays.run_id, catalogue.energy IS NULL
) = 1
