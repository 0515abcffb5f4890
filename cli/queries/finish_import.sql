-- A row is one import, all plays of which are merged. One that was undone meanwhile stays as it is.
MERGE imports
USING (SELECT @import_id AS import_id) AS finished
ON imports.import_id = finished.import_id
WHEN MATCHED AND imports.undone_at IS NULL THEN
  UPDATE SET
    finished_at = @finished_at, rows_new = @rows_new, rows_completed = @rows_completed, rows_known = @rows_known
