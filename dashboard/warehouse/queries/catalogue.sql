-- A row is all tracks that there are plays of: how many, of how many the audio features are known, of how many the provider
-- knows none, and for how many it was called since an instant.
SELECT
  COUNT(DISTINCT plays.track_id) AS tracks,
  COUNT(DISTINCT IF(catalogue.ask_again_at IS NULL AND catalogue.features_source IS NOT NULL, plays.track_id, NULL))
    AS known,
  COUNT(DISTINCT IF(catalogue.ask_again_at IS NOT NULL AND catalogue.features_source IS NOT NULL, plays.track_id, NULL))
    AS unknown,
  COUNT(DISTINCT IF(catalogue.features_asked_at >= @since, plays.track_id, NULL)) AS requested
FROM plays
LEFT JOIN catalogue ON plays.track_id = catalogue.track_id
