-- A row is one track of one listener with all its plays, a line each: when it ended (ms since 1970), ms_played (-1 where
-- unknown), source, context. Thousands of rows instead of a hundred thousand. Words only, so that a line is
-- a play whatever the columns hold.
SELECT
  track_id,
  STRING_AGG(
    CONCAT(
      CAST(UNIX_MILLIS(played_at) AS STRING), ' ', CAST(COALESCE(ms_played, -1) AS STRING), ' ',
      IF(source IN ('api', 'export'), source, 'other'), ' ',
      IF(REGEXP_CONTAINS(context_type, '^[a-z_]+$'), context_type, '')
    ),
    '\n'
  ) AS played
FROM (
  -- BigQuery enforces no key: of several rows that have it one counts.
  SELECT track_id, played_at, ms_played, source, context_type
  FROM plays
  WHERE listener_id = @listener_id
  QUALIFY ROW_NUMBER() OVER (PARTITION BY played_at, track_id ORDER BY source, ms_played DESC, context_type) = 1
)
GROUP BY track_id
