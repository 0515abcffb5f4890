-- A row is one file of an import, landed. A repeat adds nothing.
MERGE runs
USING (SELECT @run_id AS run_id, 'import' AS step, 'succeeded' AS state) AS entry
ON runs.run_id = entry.run_id AND runs.step = entry.step AND runs.state = entry.state AND runs.slot = @slot
WHEN NOT MATCHED THEN
  INSERT (run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason)
  VALUES (entry.run_id, @slot, entry.step, entry.state, @started_at, @finished_at, 1, @rows, @rows, @reason)
