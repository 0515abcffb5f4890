-- Adds a row to the ledger: one decision about new plays, or one batch that ended without a row of its own.
INSERT INTO runs (run_id, slot, step, state, started_at, finished_at, rows_in, reason, error_class)
VALUES (@run_id, @slot, @step, @state, @started_at, @finished_at, @rows_in, @reason, @error_class)
