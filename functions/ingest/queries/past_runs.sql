-- A row is one attempt that this run has to know, the newest last: an earlier one at the same slot, or one that met a pause
-- that is still on.
SELECT run_id, state, started_at, reason, rows_in, rows_new, error_class, blocked_until, details
FROM runs
WHERE slot >= @since AND step = 'ingest' AND (run_id = @run_id OR blocked_until > @now)
ORDER BY finished_at
