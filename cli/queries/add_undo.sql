-- A row is one import that was undone, as a run of its own. Nothing is inserted when another run has its id.
MERGE runs
USING (SELECT @run_id AS run_id) AS entry
ON runs.run_id = entry.run_id AND runs.slot = @slot
WHEN NOT MATCHED THEN
  INSERT (run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason)
  VALUES (entry.run_id, @slot, 'undo', 'succeeded', @started_at, @finished_at, 1, @rows, @rows, @reason)
