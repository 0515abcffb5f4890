-- A row is one row of the ledger, the newest first.
SELECT
  run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason, error_class, blocked_until,
  details
FROM runs
ORDER BY started_at DESC, finished_at DESC
LIMIT @limit
