-- A row is one outcome (run, step, state, error class) of the runs whose slot is not older than @since, as the newest row of
-- the ledger has it; an attempt of ingest that made no call, in a pause, hides none that did. Load leaves a row for each
-- generation of a run's file, so its `rows_new` is the sum of all of them. `python -m cli` reads the ledger with this file.
SELECT
  run_id, slot, step, state, started_at, finished_at, listeners, rows_in,
  IF(step = 'load', SUM(rows_new) OVER same_state, rows_new) AS rows_new,
  reason, error_class, blocked_until, TO_JSON_STRING(details) AS details
FROM runs
WHERE slot >= @since
QUALIFY ROW_NUMBER() OVER (PARTITION BY run_id, step, state, error_class ORDER BY listeners = 0, finished_at DESC) = 1
WINDOW same_state AS (PARTITION BY run_id, step, state)
