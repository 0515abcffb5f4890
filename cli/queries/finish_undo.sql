-- A row is one import of which nothing is left.
MERGE imports
USING (SELECT @import_id AS import_id) AS undone
ON imports.import_id = undone.import_id
WHEN MATCHED AND imports.undo_finished_at IS NULL THEN
  UPDATE SET undo_finished_at = @undo_finished_at
