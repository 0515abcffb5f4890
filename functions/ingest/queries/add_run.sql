-- Adds a row to the ledger: the result of one attempt at a run.
INSERT INTO runs (
  run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason, error_class, blocked_until,
  details
)
VALUES (
  @run_id, @slot, 'ingest', @state, @started_at, @finished_at, @listeners, @rows_in, @rows_new, @reason, @error_class,
  @blocked_until, PARSE_JSON(@details)
)
