-- A row is one track of one listener with all its plays, a line each: when it ended (ms since 1970), how long it was heard
-- (ms, -1 where unknown), source, context. Thousands of rows instead of a hundred thousand.
SELECT
  track_id,
  STRING_AGG(
    CONCAT(
      CAST(UNIX_MILLIS(played_at) AS STRING), ' ', CAST(COALESCE(ms_played, -1) AS STRING), ' ', source, ' ',
      COALESCE(context_type, '')
    ),
    '\n'
  ) AS played
FROM plays
WHERE listener_id = @listener_id
GROUP BY track_id
