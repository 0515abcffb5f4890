-- A row is one outcome that this run has to know: an earlier attempt's at the same slot, or a pause that is still on.
SELECT run_id, state, started_at, reason, rows_in, rows_new, error_class, blocked_until, details
FROM runs
WHERE slot >= @since AND step = 'ingest' AND (run_id = @run_id OR blocked_until > @now)
