-- A row is a stretch in which plays are missing once an import is undone: from the play that stays before them to the one
-- after them, or to the gap that follows; with the run of the gap. It is the gap in which they lie, or else the first one
-- that they lie before, with no play of the API's between, or none at all.
WITH stretches AS (
  SELECT listener_id, gap_start, gap_end, run_id, detected_at
  FROM gaps
  WHERE listener_id = @listener_id
  UNION ALL
  SELECT listener_id, gap_start, gap_end, run_id, detected_at
  FROM closed_gaps
  WHERE listener_id = @listener_id
),
listened AS (
  SELECT listener_id, played_at, import_id, COALESCE(import_id = @import_id, FALSE) AS goes
  FROM plays
  WHERE listener_id = @listener_id
),
known_before AS (
  SELECT
    stretches.listener_id, stretches.gap_start, stretches.gap_end, stretches.run_id, stretches.detected_at,
    MAX(IF(listened.import_id IS NULL, listened.played_at, NULL)) AS from_api,
    MAX(IF(listened.goes, NULL, listened.played_at)) AS staying
  FROM stretches
  LEFT JOIN listened
    ON stretches.listener_id = listened.listener_id AND listened.played_at <= stretches.gap_start
  GROUP BY stretches.listener_id, stretches.gap_start, stretches.gap_end, stretches.run_id, stretches.detected_at
),
between_staying AS (
  SELECT
    listener_id, played_at, goes,
    MAX(IF(goes, NULL, played_at)) OVER (
      PARTITION BY listener_id ORDER BY played_at, goes DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS staying_before,
    MIN(IF(goes, NULL, played_at)) OVER (
      PARTITION BY listener_id ORDER BY played_at, goes DESC ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
    ) AS staying_after
  FROM listened
),
going AS (
  SELECT listener_id, staying_before, staying_after, MAX(played_at) AS newest
  FROM between_staying
  WHERE goes AND staying_before IS NOT NULL
  GROUP BY listener_id, staying_before, staying_after
)
SELECT
  going.staying_before AS gap_start,
  LEAST(
    COALESCE(going.staying_after, known_before.gap_end),
    IF(going.newest > known_before.gap_start, known_before.gap_end, known_before.gap_start)
  ) AS gap_end,
  known_before.run_id, known_before.detected_at
FROM going
INNER JOIN known_before
  ON going.listener_id = known_before.listener_id AND going.newest < known_before.gap_end
WHERE going.newest > known_before.gap_start
  OR going.newest > known_before.from_api
  OR going.newest > known_before.staying
QUALIFY known_before.gap_start = MIN(known_before.gap_start) OVER (PARTITION BY going.newest)
