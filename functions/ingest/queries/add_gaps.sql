-- A row is one stretch from a listener's newest stored play to the oldest on a full page that overlaps nothing stored.
-- A listener of whom nothing is stored yet has no gap. A repeat adds nothing.
MERGE gaps
USING (
  SELECT page.listener_id, MAX(plays.played_at) AS gap_start, page.oldest AS gap_end
  FROM plays
  INNER JOIN UNNEST(@pages) AS page
    ON plays.listener_id = page.listener_id AND plays.played_at < page.oldest
  WHERE plays.played_at < @newest
  GROUP BY page.listener_id, page.oldest
) AS found
ON gaps.listener_id = found.listener_id AND gaps.gap_start = found.gap_start AND gaps.gap_end = found.gap_end
WHEN NOT MATCHED THEN
  INSERT (listener_id, gap_start, gap_end, run_id, detected_at)
  VALUES (found.listener_id, found.gap_start, found.gap_end, @run_id, @detected_at)
