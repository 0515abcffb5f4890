-- A row is one generation of a run's file that is not on its way to the warehouse: it was refused, or load merged it before
-- the given instant.
SELECT run_id, details
FROM runs
WHERE slot >= @since AND step = 'load' AND (state = 'failed' OR finished_at < @before)
