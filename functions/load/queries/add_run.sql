-- Adds a row to the ledger: what load did with one generation of a run's file.
INSERT INTO runs (
  run_id, slot, step, state, started_at, finished_at, listeners, rows_in, rows_new, reason, error_class, details
)
VALUES (
  @run_id, @slot, 'load', @state, @started_at, @finished_at, @listeners, @rows_in, @rows_new, @reason, @error_class,
  PARSE_JSON(@details)
)
