-- One row per listener and track: plays and milliseconds of all time and of each period, over the rows of `{plays}`.
SELECT
  listener_id,
  track_id,
  count(*) AS plays,
  sum(ms) AS ms,
  min(played_at) AS first_played_at,
  max(played_at) AS last_played_at,
  count(*) FILTER (ago < INTERVAL 7 DAY) AS plays_7,
  count(*) FILTER (ago >= INTERVAL 7 DAY AND ago < INTERVAL 14 DAY) AS plays_before_7,
  coalesce(sum(ms) FILTER (ago < INTERVAL 7 DAY), 0) AS ms_7,
  count(*) FILTER (ago < INTERVAL 28 DAY) AS plays_28,
  count(*) FILTER (ago >= INTERVAL 28 DAY AND ago < INTERVAL 56 DAY) AS plays_before_28,
  coalesce(sum(ms) FILTER (ago < INTERVAL 28 DAY), 0) AS ms_28,
  count(*) FILTER (ago < INTERVAL 365 DAY) AS plays_365,
  count(*) FILTER (ago >= INTERVAL 365 DAY AND ago < INTERVAL 730 DAY) AS plays_before_365,
  coalesce(sum(ms) FILTER (ago < INTERVAL 365 DAY), 0) AS ms_365
FROM (
  SELECT listener_id, track_id, played_at, coalesce(ms_played, duration_ms, 0) AS ms,
    TIMESTAMPTZ '{as_of}' - played_at AS ago
  FROM {plays}
  WHERE coalesce(ms_played >= 30000, source = 'api')
)
GROUP BY listener_id, track_id
