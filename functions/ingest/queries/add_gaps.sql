-- Adds gaps, a row per page whose oldest play the API has not reported before: from the listener's newest play of the API
-- before it, stored or landed, to that play. Where the API has none, from the newest of an import, but not of one that
-- reaches the page; a listener without a known play has no gap. No gap begins with a play of a clock that was ahead. A
-- later page with nothing new before it makes its gap longer. A repeat changes nothing.
MERGE gaps
USING (
  SELECT listener_id, COALESCE(MAX(from_api), MAX(from_import)) AS gap_start, oldest AS gap_end
  FROM (
    SELECT
      page.listener_id, page.oldest,
      IF(plays.source = 'api' AND plays.import_id IS NULL, plays.played_at, NULL) AS from_api,
      IF(plays.import_id IN UNNEST(page.imported), NULL, plays.played_at) AS from_import
    FROM plays
    INNER JOIN UNNEST(@pages) AS page
      ON plays.listener_id = page.listener_id AND plays.played_at < page.oldest
    WHERE plays.played_at < @newest
      AND TIMESTAMP_DIFF(plays.played_at, plays.ingested_at, MILLISECOND) <= @ahead_ms
    UNION ALL
    SELECT page.listener_id, page.oldest, page.from_api, page.from_import
    FROM UNNEST(@pages) AS page
  ) AS known
  GROUP BY listener_id, oldest
  HAVING gap_start IS NOT NULL
) AS found
ON gaps.listener_id = found.listener_id AND gaps.gap_start = found.gap_start
WHEN MATCHED AND gaps.gap_end < found.gap_end THEN
  UPDATE SET gap_end = found.gap_end
WHEN NOT MATCHED THEN
  INSERT (listener_id, gap_start, gap_end, run_id, detected_at)
  VALUES (found.listener_id, found.gap_start, found.gap_end, @run_id, @detected_at)
