-- A row is one gap of the listener, or part of one, that an import keeps closed. Of the changes, those without an import
-- are closed no longer; one that another import had closed belongs to the later import. An import that was undone while it
-- was under way, or forgotten, closes nothing.
MERGE closed_gaps
USING (
  SELECT change.gap_start, change.gap_end, change.run_id, change.detected_at, change.import_id
  FROM UNNEST(@changes) AS change
  WHERE @import_id IS NULL
    OR EXISTS (SELECT 1 FROM imports WHERE imports.import_id = @import_id AND imports.undone_at IS NULL)
) AS change
ON closed_gaps.listener_id = @listener_id
  AND closed_gaps.gap_start = change.gap_start AND closed_gaps.gap_end = change.gap_end
WHEN MATCHED AND change.import_id IS NULL THEN
  DELETE
WHEN MATCHED THEN
  UPDATE SET import_id = change.import_id
WHEN NOT MATCHED AND change.import_id IS NOT NULL THEN
  INSERT (listener_id, gap_start, gap_end, run_id, detected_at, import_id)
  VALUES (@listener_id, change.gap_start, change.gap_end, change.run_id, change.detected_at, change.import_id)
