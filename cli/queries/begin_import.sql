-- A row is one import. Nothing is inserted when another has its id.
MERGE imports
USING (SELECT @import_id AS import_id) AS begun
ON imports.import_id = begun.import_id
WHEN NOT MATCHED THEN
  INSERT (import_id, listener_id, started_at, files, first_played_at, last_played_at, rows_in)
  VALUES (@import_id, @listener_id, @started_at, @files, @first_played_at, @last_played_at, @rows_in)
