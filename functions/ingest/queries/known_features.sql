-- A row is one track with the newest answer of a provider for it: audio features or, all NULL, that it has none.
WITH answers AS (
  SELECT
    track_id, features_source, ingested_at,
    danceability, energy, key, loudness, mode, speechiness, acousticness, instrumentalness, liveness, valence, tempo,
    time_signature,
    COALESCE(
      danceability, energy, key, loudness, mode, speechiness, acousticness, instrumentalness, liveness, valence, tempo,
      time_signature
    ) IS NOT NULL AS is_known
  FROM plays
  WHERE track_id IN UNNEST(@track_ids) AND features_source IS NOT NULL
)
SELECT * EXCEPT (ingested_at, is_known)
FROM answers
WHERE is_known OR (features_source = @source AND ingested_at >= @unknown_since)
QUALIFY ROW_NUMBER() OVER (PARTITION BY track_id ORDER BY is_known DESC, ingested_at DESC) = 1
