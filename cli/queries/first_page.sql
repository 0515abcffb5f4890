-- A row is the oldest play of the first page of the listener that was stored, or is on its way (@landed_…, NULL for none),
-- the newest play that is stored before it, and how many gaps, open or closed, reach up to it.
WITH first_page AS (
  SELECT listener_id, played_at, track_id, run_id
  FROM (
    SELECT listener_id, played_at, track_id, run_id
    FROM plays
    WHERE listener_id = @listener_id AND source = 'api' AND import_id IS NULL
    UNION ALL
    SELECT @listener_id, @landed_at, @landed_track_id, @landed_run_id
  )
  WHERE played_at IS NOT NULL
  ORDER BY run_id, played_at, track_id
  LIMIT 1
),
stretches AS (
  SELECT listener_id, gap_start, gap_end
  FROM gaps
  WHERE listener_id = @listener_id
  UNION ALL
  SELECT listener_id, gap_start, gap_end
  FROM closed_gaps
  WHERE listener_id = @listener_id
)
SELECT
  first_page.played_at, first_page.track_id, first_page.run_id,
  MAX(plays.played_at) AS newest_before,
  COUNT(DISTINCT stretches.gap_start) AS gaps
FROM first_page
LEFT JOIN plays ON first_page.listener_id = plays.listener_id AND plays.played_at < first_page.played_at
LEFT JOIN stretches
  ON first_page.listener_id = stretches.listener_id AND stretches.gap_start < first_page.played_at
  AND stretches.gap_end >= first_page.played_at
GROUP BY first_page.played_at, first_page.track_id, first_page.run_id
