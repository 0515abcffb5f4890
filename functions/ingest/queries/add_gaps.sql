-- Adds gaps, a row per page that overlaps no known play: from the listener's newest known play, stored or landed, to the
-- oldest on the page. A listener without a known play has no gap, nor has a page that an import's plays overlap. A repeat
-- adds nothing.
MERGE gaps
USING (
  SELECT known.listener_id, MAX(known.played_at) AS gap_start, known.oldest AS gap_end
  FROM (
    SELECT page.listener_id, page.oldest, page.import_id, plays.played_at
    FROM plays
    INNER JOIN UNNEST(@pages) AS page
      ON plays.listener_id = page.listener_id AND plays.played_at < page.oldest
    WHERE plays.played_at < @newest
    UNION ALL
    SELECT page.listener_id, page.oldest, page.import_id, page.landed AS played_at
    FROM UNNEST(@pages) AS page
    WHERE page.landed IS NOT NULL
  ) AS known
  LEFT JOIN imports ON known.import_id = imports.import_id AND imports.undone_at IS NULL
  WHERE imports.import_id IS NULL
  GROUP BY known.listener_id, known.oldest
) AS found
ON gaps.listener_id = found.listener_id AND gaps.gap_start = found.gap_start AND gaps.gap_end = found.gap_end
WHEN NOT MATCHED THEN
  INSERT (listener_id, gap_start, gap_end, run_id, detected_at)
  VALUES (found.listener_id, found.gap_start, found.gap_end, @run_id, @detected_at)
