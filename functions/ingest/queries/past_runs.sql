-- A row is one earlier attempt that decides what this run does, the newest last: one at the same slot, or one whose pause
-- has not ended.
SELECT run_id, state, started_at, reason, rows_in, rows_new, error_class, blocked_until, details
FROM runs
WHERE slot >= @since AND step = 'ingest' AND (run_id = @run_id OR blocked_until > @now)
ORDER BY finished_at
