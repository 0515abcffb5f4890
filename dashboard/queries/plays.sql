-- A row is one track of one listener in one context, with all its plays in two lists of the same order: when each ended
-- (ms since 1970) and how long it was heard (ms, -1 where unknown). Thousands of rows instead of a hundred thousand.
SELECT
  track_id,
  source,
  context_type,
  STRING_AGG(CAST(UNIX_MILLIS(played_at) AS STRING), ' ' ORDER BY played_at) AS played_at_ms,
  STRING_AGG(CAST(COALESCE(ms_played, -1) AS STRING), ' ' ORDER BY played_at) AS ms_played
FROM plays
WHERE listener_id = @listener_id
GROUP BY track_id, source, context_type
