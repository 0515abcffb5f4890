-- A row is one gap of the listener that lies within a stretch of which an export holds everything.
SELECT gap_start, gap_end
FROM gaps
WHERE listener_id = @listener_id
  AND EXISTS (
    SELECT 1
    FROM UNNEST(@spans) AS span
    WHERE gaps.gap_start >= span.begins_at AND gaps.gap_end <= span.ends_at
  )
