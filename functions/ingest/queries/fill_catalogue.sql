-- Merges tracks into catalogue as Spotify's API shows them in the plays since @since, with those plays' audio features.
-- The API's values replace a provider's; a provider's values for an earlier play keep their date. A repeat changes
-- nothing.
MERGE catalogue
USING (
  SELECT
    track_id, track_name, artist_id, artist_name, artist_names, album_id, album_name, album_release_date, image_url,
    isrc, duration_ms, explicit,
    danceability, energy, key, loudness, mode, speechiness, acousticness, instrumentalness, liveness, valence, tempo,
    time_signature,
    IF(energy IS NULL, NULL, features_source) AS features_source,
    IF(energy IS NULL, NULL, ingested_at) AS features_asked_at
  FROM plays
  WHERE played_at >= @since AND source = 'api'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY track_id ORDER BY energy IS NULL, played_at DESC, ingested_at DESC) = 1
) AS shown
ON catalogue.track_id = shown.track_id
WHEN MATCHED THEN
  UPDATE SET
    track_name = COALESCE(shown.track_name, catalogue.track_name),
    artist_id = COALESCE(shown.artist_id, catalogue.artist_id),
    artist_name = COALESCE(shown.artist_name, catalogue.artist_name),
    artist_names = COALESCE(shown.artist_names, catalogue.artist_names),
    album_id = COALESCE(shown.album_id, catalogue.album_id),
    album_name = COALESCE(shown.album_name, catalogue.album_name),
    album_release_date = COALESCE(shown.album_release_date, catalogue.album_release_date),
    image_url = COALESCE(shown.image_url, catalogue.image_url), isrc = COALESCE(shown.isrc, catalogue.isrc),
    duration_ms = COALESCE(shown.duration_ms, catalogue.duration_ms),
    explicit = COALESCE(shown.explicit, catalogue.explicit),
    danceability = COALESCE(shown.danceability, catalogue.danceability),
    energy = COALESCE(shown.energy, catalogue.energy), key = COALESCE(shown.key, catalogue.key),
    loudness = COALESCE(shown.loudness, catalogue.loudness), mode = COALESCE(shown.mode, catalogue.mode),
    speechiness = COALESCE(shown.speechiness, catalogue.speechiness),
    acousticness = COALESCE(shown.acousticness, catalogue.acousticness),
    instrumentalness = COALESCE(shown.instrumentalness, catalogue.instrumentalness),
    liveness = COALESCE(shown.liveness, catalogue.liveness), valence = COALESCE(shown.valence, catalogue.valence),
    tempo = COALESCE(shown.tempo, catalogue.tempo),
    time_signature = COALESCE(shown.time_signature, catalogue.time_signature),
    features_source = COALESCE(shown.features_source, catalogue.features_source),
    features_asked_at = IF(
      catalogue.features_source = shown.features_source AND catalogue.ask_again_at IS NULL,
      catalogue.features_asked_at,
      COALESCE(shown.features_asked_at, catalogue.features_asked_at)
    ),
    ask_again_at = IF(shown.features_source IS NULL, catalogue.ask_again_at, NULL)
WHEN NOT MATCHED THEN
  INSERT (
    track_id, track_name, artist_id, artist_name, artist_names, album_id, album_name, album_release_date, image_url,
    isrc, duration_ms, explicit, danceability, energy, key, loudness, mode, speechiness, acousticness,
    instrumentalness, liveness, valence, tempo, time_signature, features_source, features_asked_at
  )
  VALUES (
    shown.track_id, shown.track_name, shown.artist_id, shown.artist_name, shown.artist_names, shown.album_id,
    shown.album_name, shown.album_release_date, shown.image_url, shown.isrc, shown.duration_ms, shown.explicit,
    shown.danceability, shown.energy, shown.key, shown.loudness, shown.mode, shown.speechiness, shown.acousticness,
    shown.instrumentalness, shown.liveness, shown.valence, shown.tempo, shown.time_signature, shown.features_source,
    shown.features_asked_at
  )
