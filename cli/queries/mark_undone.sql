-- A row is one import that counts as undone, or of which nothing is left, from now on; an earlier instant stays.
MERGE imports
USING (SELECT @import_id AS import_id) AS undone
ON imports.import_id = undone.import_id
WHEN MATCHED THEN
  UPDATE SET
    undone_at = COALESCE(imports.undone_at, @undone_at),
    undo_finished_at = COALESCE(imports.undo_finished_at, @undo_finished_at)
