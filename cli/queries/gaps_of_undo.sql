-- A row is one gap of the listener, open or (with its import_id) closed, the oldest first, with what undoing an import
-- means for it: how many plays go inside it, whether the play goes with which it begins, how many stay up to its start,
-- whether an import that is undone has opened it, and the oldest play before its end that stays.
WITH stretches AS (
  SELECT listener_id, gap_start, gap_end, run_id, detected_at, CAST(NULL AS STRING) AS import_id
  FROM gaps
  WHERE listener_id = @listener_id
  UNION ALL
  SELECT listener_id, gap_start, gap_end, run_id, detected_at, import_id
  FROM closed_gaps
  WHERE listener_id = @listener_id
),
listened AS (
  SELECT listener_id, played_at, COALESCE(import_id = @import_id, FALSE) AS goes
  FROM plays
  WHERE listener_id = @listener_id
)
SELECT
  stretches.gap_start, stretches.gap_end, stretches.run_id, stretches.detected_at, stretches.import_id,
  SUM(IF(listened.goes AND listened.played_at > stretches.gap_start, 1, 0)) AS going_inside,
  SUM(IF(listened.goes AND listened.played_at = stretches.gap_start, 1, 0)) AS going_at_start,
  SUM(IF(NOT listened.goes AND listened.played_at <= stretches.gap_start, 1, 0)) AS staying_before,
  COUNT(imports.import_id) > 0 AS is_of_undone,
  MIN(IF(listened.goes, NULL, listened.played_at)) AS staying_inside
FROM stretches
LEFT JOIN listened
  ON stretches.listener_id = listened.listener_id AND listened.played_at < stretches.gap_end
LEFT JOIN imports
  ON stretches.run_id = imports.import_id AND (imports.undone_at IS NOT NULL OR imports.import_id = @import_id)
GROUP BY stretches.gap_start, stretches.gap_end, stretches.run_id, stretches.detected_at, stretches.import_id
ORDER BY stretches.gap_start, stretches.gap_end
