-- A row is one outcome of one run's step. A repeat with the same outcome adds nothing, unless it met a longer pause:
-- the next run has to know that.
MERGE runs
USING (SELECT @run_id AS run_id, 'ingest' AS step, @state AS state) AS entry
ON runs.run_id = entry.run_id AND runs.step = entry.step AND runs.state = entry.state AND runs.slot = @slot
WHEN MATCHED AND @blocked_until > COALESCE(runs.blocked_until, runs.slot) THEN
  UPDATE SET
    blocked_until = @blocked_until, reason = @reason, error_class = @error_class, details = PARSE_JSON(@details)
WHEN NOT MATCHED THEN
  INSERT (
    run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason, error_class,
    blocked_until, details
  )
  VALUES (
    entry.run_id, @slot, entry.step, entry.state, @started_at, @finished_at, @listeners, @rows_in, @rows_new, @reason,
    @error_class, @blocked_until, PARSE_JSON(@details)
  )
