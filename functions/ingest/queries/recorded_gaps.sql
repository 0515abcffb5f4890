-- A row is one listener of whom a gap that ends with the given page is recorded, by this attempt or an earlier one.
SELECT DISTINCT gaps.listener_id
FROM gaps
INNER JOIN UNNEST(@pages) AS page
  ON gaps.listener_id = page.listener_id AND gaps.gap_end = page.oldest
ORDER BY listener_id
