-- A row is one outcome that decides whether Spotify may be asked: this run's own success, or a pause that is still on.
SELECT run_id, state, reason, rows_in, rows_new, error_class, blocked_until, details
FROM runs
WHERE slot >= @since
  AND step = 'ingest'
  AND ((run_id = @run_id AND state = 'succeeded') OR blocked_until > @now)
