-- A row is one import that counts as undone from now on; one that does so already stays as it is.
MERGE imports
USING (SELECT @import_id AS import_id) AS undone
ON imports.import_id = undone.import_id
WHEN MATCHED AND imports.undone_at IS NULL THEN
  UPDATE SET undone_at = @undone_at
