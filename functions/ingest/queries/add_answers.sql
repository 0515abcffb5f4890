-- Merges a provider's answers into catalogue, a row per track: its audio features, or when to request them again. What
-- Spotify's API has shown stays, and so do audio features that are known. A repeat changes nothing. A track that no play is
-- left of is left out: its listener may have been forgotten since the provider was asked.
MERGE catalogue
USING (
  SELECT
    given.track_id, given.isrc, given.danceability, given.energy, given.key, given.loudness, given.mode,
    given.speechiness, given.acousticness, given.instrumentalness, given.liveness, given.valence, given.tempo,
    given.time_signature, given.features_source, given.ask_again_at
  FROM UNNEST(@answers) AS given
  WHERE given.track_id IN (SELECT track_id FROM plays)
) AS answer
ON catalogue.track_id = answer.track_id
WHEN MATCHED AND (catalogue.features_source IS NULL OR catalogue.ask_again_at IS NOT NULL) THEN
  UPDATE SET
    isrc = COALESCE(catalogue.isrc, answer.isrc), danceability = answer.danceability, energy = answer.energy,
    key = answer.key, loudness = answer.loudness, mode = answer.mode, speechiness = answer.speechiness,
    acousticness = answer.acousticness, instrumentalness = answer.instrumentalness, liveness = answer.liveness,
    valence = answer.valence, tempo = answer.tempo, time_signature = answer.time_signature,
    features_source = answer.features_source, ask_again_at = answer.ask_again_at, features_asked_at = @asked_at
WHEN NOT MATCHED THEN
  INSERT (
    track_id, isrc, danceability, energy, key, loudness, mode, speechiness, acousticness, instrumentalness, liveness,
    valence, tempo, time_signature, features_source, ask_again_at, features_asked_at
  )
  VALUES (
    answer.track_id, answer.isrc, answer.danceability, answer.energy, answer.key, answer.loudness, answer.mode,
    answer.speechiness, answer.acousticness, answer.instrumentalness, answer.liveness, answer.valence, answer.tempo,
    answer.time_signature, answer.features_source, answer.ask_again_at, @asked_at
  )
