-- A row is one track of one listener with all its plays, a line each: when it ended (ms since 1970), ms_played (-1 where
-- unknown), source, context, how it ended. Thousands of rows instead of a hundred thousand. Words only, so that a line is
-- a play whatever the columns hold.
--
-- How it ended: `end`, played to its end; `skip`, by the listener before that; `other`, neither, as when the app was closed;
-- nothing where no export says. The reason decides, because Spotify wrote skipped = false for every play of seven years.
SELECT
  track_id,
  STRING_AGG(
    CONCAT(
      CAST(UNIX_MILLIS(played_at) AS STRING), ' ', CAST(COALESCE(ms_played, -1) AS STRING), ' ',
      IF(source IN ('api', 'export'), source, 'other'), ' ',
      IF(REGEXP_CONTAINS(context_type, '^[a-z_]+$'), context_type, ''), ' ',
      CASE
        WHEN reason_end = 'trackdone' THEN 'end'
        WHEN skipped OR reason_end IN ('fwdbtn', 'backbtn', 'endplay') THEN 'skip'
        WHEN reason_end != 'unknown' THEN 'other'
        ELSE ''
      END
    ),
    '\n'
  ) AS played
FROM (
  -- BigQuery enforces no key: of several rows that have it one counts.
  SELECT track_id, played_at, ms_played, source, context_type, reason_end, skipped
  FROM plays
  WHERE listener_id = @listener_id
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY played_at, track_id ORDER BY source, ms_played DESC, context_type, reason_end, skipped
  ) = 1
)
GROUP BY track_id
