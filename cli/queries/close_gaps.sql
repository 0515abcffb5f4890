-- Rows are gaps of the listener that lie within a stretch of which an export holds everything: nothing is missing there.
DELETE FROM gaps
WHERE listener_id = @listener_id
  AND EXISTS (
    SELECT 1
    FROM UNNEST(@spans) AS span
    WHERE gaps.gap_start >= span.begins_at AND gaps.gap_end <= span.ends_at
  )
