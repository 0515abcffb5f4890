-- A row is one outcome of one run's step, of the runs whose slot is not older than asked for.
SELECT
  run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason, error_class, blocked_until,
  TO_JSON_STRING(details) AS details
FROM runs
WHERE slot >= @since
