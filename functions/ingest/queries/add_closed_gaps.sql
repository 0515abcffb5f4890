-- Adds closed gaps, a row per page that only an import's plays overlap: from the listener's newest known play, stored or
-- landed, to the oldest on the page. It becomes a gap when the import is undone. Plays that only this import has brought
-- do not count as known. A repeat adds nothing.
MERGE closed_gaps
USING (
  SELECT known.listener_id, MAX(known.played_at) AS gap_start, known.oldest AS gap_end, known.import_id
  FROM (
    SELECT page.listener_id, page.oldest, page.import_id, plays.played_at
    FROM plays
    INNER JOIN UNNEST(@pages) AS page
      ON plays.listener_id = page.listener_id AND plays.played_at < page.oldest
    WHERE plays.played_at < @newest AND COALESCE(plays.import_id != page.import_id, TRUE)
    UNION ALL
    SELECT page.listener_id, page.oldest, page.import_id, page.landed AS played_at
    FROM UNNEST(@pages) AS page
    WHERE page.landed IS NOT NULL
  ) AS known
  INNER JOIN imports ON known.import_id = imports.import_id AND imports.undone_at IS NULL
  GROUP BY known.listener_id, known.oldest, known.import_id
) AS found
ON closed_gaps.listener_id = found.listener_id AND closed_gaps.gap_start = found.gap_start
  AND closed_gaps.gap_end = found.gap_end
WHEN NOT MATCHED THEN
  INSERT (listener_id, gap_start, gap_end, run_id, detected_at, import_id)
  VALUES (found.listener_id, found.gap_start, found.gap_end, @run_id, @detected_at, found.import_id)
