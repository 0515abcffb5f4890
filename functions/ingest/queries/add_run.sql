-- A row is one outcome of one run's step: of attempts with the same outcome the one that landed or heard more, of equals
-- the first, unless that one began before the slot or a later one met a longer pause. However little that one heard, the
-- next run has to know the pause.
MERGE runs
USING (
  SELECT @run_id AS run_id, 'ingest' AS step, @state AS state, COALESCE(@blocked_until, @slot) AS paused_until
) AS entry
ON runs.run_id = entry.run_id AND runs.step = entry.step AND runs.state = entry.state AND runs.slot = @slot
WHEN MATCHED
  AND (
    @rows_new > runs.rows_new
    OR @heard > @heard_before
    OR (
      @heard >= COALESCE(@heard_before, 0)
      AND (runs.started_at < runs.slot OR entry.paused_until > COALESCE(runs.blocked_until, runs.slot))
    )
  )
THEN
  UPDATE SET
    started_at = @started_at, finished_at = @finished_at, listeners = @listeners, rows_in = @rows_in,
    rows_new = @rows_new, reason = @reason, error_class = @error_class, details = PARSE_JSON(@details),
    blocked_until = CASE
      WHEN entry.paused_until > COALESCE(runs.blocked_until, runs.slot) THEN entry.paused_until
      ELSE runs.blocked_until
    END
WHEN MATCHED AND entry.paused_until > COALESCE(runs.blocked_until, runs.slot) THEN
  UPDATE SET blocked_until = entry.paused_until
WHEN NOT MATCHED THEN
  INSERT (
    run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason, error_class,
    blocked_until, details
  )
  VALUES (
    entry.run_id, @slot, entry.step, entry.state, @started_at, @finished_at, @listeners, @rows_in, @rows_new, @reason,
    @error_class, @blocked_until, PARSE_JSON(@details)
  )
