-- Rows are gaps of the listener: those that an import closes go, and what stays open of one is a gap of its own. An import
-- that was undone while it was under way, or forgotten, changes nothing.
MERGE gaps
USING (
  SELECT change.gap_start, change.gap_end, change.run_id, change.detected_at, change.is_open
  FROM UNNEST(@changes) AS change
  WHERE @import_id IS NULL
    OR EXISTS (SELECT 1 FROM imports WHERE imports.import_id = @import_id AND imports.undone_at IS NULL)
) AS change
ON gaps.listener_id = @listener_id AND gaps.gap_start = change.gap_start AND gaps.gap_end = change.gap_end
WHEN MATCHED AND NOT change.is_open THEN
  DELETE
WHEN NOT MATCHED AND change.is_open THEN
  INSERT (listener_id, gap_start, gap_end, run_id, detected_at)
  VALUES (@listener_id, change.gap_start, change.gap_end, change.run_id, change.detected_at)
