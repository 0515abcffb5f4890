-- The rows of `top_tracks` and `tracks` as the Spark job writes them, for DuckDB, with its own means.
-- It may take any of several rows with one key: in the benchmark's plays they are equal.
CREATE TEMP TABLE once AS
SELECT DISTINCT ON (listener_id, track_id, played_at)
  listener_id, track_id, played_at, source, explicit, features_source,
  if(duration_ms BETWEEN 1 AND 2147483647, duration_ms, NULL) AS duration_ms,
  if(ms_played BETWEEN 0 AND 86400000, ms_played, NULL) AS ms_played,
  if(popularity BETWEEN 0 AND 100, popularity, NULL) AS popularity,
  if(tempo BETWEEN 0 AND 500, tempo, NULL) AS tempo,
  if(COLUMNS('(ability|energy|ness|valence)$') BETWEEN 0 AND 1, COLUMNS('(ability|energy|ness|valence)$'), NULL),
  nullif(regexp_extract(album_release_date, '^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?\z'), '')
    AS album_release_date,
  nullif(COLUMNS('_names?$|^(artist|album)_id$|^image_url$|^isrc$'), ''),
  coalesce(ms_played >= 30000, source = 'api') AS counts,
  -- The API before exports, with features before those without, the newest of those: one number instead of three.
  ((source = 'api')::BIGINT * 2 + (energy IS NOT NULL)::BIGINT) * 10 ** 17::BIGINT + epoch_us(played_at) AS newest
FROM '{plays}'
WHERE played_at BETWEEN TIMESTAMPTZ '2006-01-01 00:00:00Z' AND TIMESTAMPTZ '{as_of}';

CREATE TEMP TABLE by_track AS
SELECT
  listener_id,
  track_id,
  arg_max(COLUMNS('_names?$|^(artist|album)_id$|release_date$|^image_url$|^duration_ms$|^explicit$'), newest),
  arg_max(isrc, played_at) AS isrc,
  arg_max({
    popularity: popularity, danceability: danceability, energy: energy, speechiness: speechiness,
    acousticness: acousticness, instrumentalness: instrumentalness, liveness: liveness, valence: valence,
    tempo: tempo, features_source: features_source, source: source
  }, newest) AS of_one_play,
  max(played_at) AS last_played_at,
  coalesce(arg_max(isrc, played_at) FILTER (counts), track_id) AS recording
FROM once
GROUP BY listener_id, track_id;

CREATE TEMP TABLE tallies AS
WITH
  counted AS (
    SELECT *, coalesce(ms_played, once.duration_ms, 0) AS listened_ms, TIMESTAMPTZ '{as_of}' - played_at AS ago
    FROM once JOIN (SELECT listener_id, track_id, recording FROM by_track) USING (listener_id, track_id)
    WHERE counts
  )
SELECT
  listener_id,
  arg_max(COLUMNS(['track_id', 'track_name', 'artist_name', 'artist_names', 'album_name', 'image_url']), played_at),
  max(played_at) AS last_played_at,
  unnest([
    {
      period: 'all_time',
      plays: count(*),
      listened_ms: sum(listened_ms),
      first_played_at: min(played_at),
      plays_before: 0
    },
    {
      period: 'last_7_days',
      plays: count(*) FILTER (ago < INTERVAL 7 DAY),
      listened_ms: sum(listened_ms) FILTER (ago < INTERVAL 7 DAY),
      first_played_at: min(played_at) FILTER (ago < INTERVAL 7 DAY),
      plays_before: count(*) FILTER (ago >= INTERVAL 7 DAY AND ago < INTERVAL 14 DAY)
    },
    {
      period: 'last_28_days',
      plays: count(*) FILTER (ago < INTERVAL 28 DAY),
      listened_ms: sum(listened_ms) FILTER (ago < INTERVAL 28 DAY),
      first_played_at: min(played_at) FILTER (ago < INTERVAL 28 DAY),
      plays_before: count(*) FILTER (ago >= INTERVAL 28 DAY AND ago < INTERVAL 56 DAY)
    },
    {
      period: 'last_365_days',
      plays: count(*) FILTER (ago < INTERVAL 365 DAY),
      listened_ms: sum(listened_ms) FILTER (ago < INTERVAL 365 DAY),
      first_played_at: min(played_at) FILTER (ago < INTERVAL 365 DAY),
      plays_before: count(*) FILTER (ago >= INTERVAL 365 DAY AND ago < INTERVAL 730 DAY)
    }
  ], recursive := true)
FROM counted
GROUP BY listener_id, recording;

COPY (
  WITH
    ranked AS (
      SELECT
        *,
        row_number() OVER (
          PARTITION BY listener_id, period
          ORDER BY plays DESC, listened_ms DESC NULLS LAST, last_played_at DESC, track_id
        ) AS position,
        rank() OVER (PARTITION BY listener_id, period ORDER BY plays DESC) AS rank,
        rank() OVER (PARTITION BY listener_id, period ORDER BY plays_before DESC) AS rank_before
      FROM tallies
    )
  SELECT
    listener_id, period, rank, position, track_id, track_name, artist_name, artist_names, album_name, image_url, plays,
    listened_ms / 60000 AS minutes, first_played_at, last_played_at,
    if(plays_before > 0, rank_before, NULL) AS previous_rank,
    TIMESTAMPTZ '{as_of}' AS as_of, TIMESTAMPTZ '{as_of}' AS computed_at, 'benchmark' AS run_id
  FROM ranked
  WHERE plays > 0 AND position <= 10
  ORDER BY listener_id, period, position
) TO '{tables}/top_tracks.parquet' (FORMAT parquet);

COPY (
  SELECT
    listener_id, track_id, track_name, artist_id, artist_name, artist_names, album_id, album_name, album_release_date,
    image_url, isrc, duration_ms, explicit, unnest(of_one_play), last_played_at, 'benchmark' AS run_id
  FROM by_track
  ORDER BY listener_id, track_id
) TO '{tables}/tracks.parquet' (FORMAT parquet);

SELECT count(*) FROM once;
