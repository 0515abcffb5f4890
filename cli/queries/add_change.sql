-- A row is one undo or repair, as a run of its own. Nothing is inserted when another run has its id.
MERGE runs
USING (SELECT @run_id AS run_id) AS entry
ON runs.run_id = entry.run_id AND runs.slot = @slot
WHEN NOT MATCHED THEN
  INSERT (run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason)
  VALUES (entry.run_id, @slot, @step, 'succeeded', @started_at, @finished_at, @listeners, @rows, @rows, @reason)
