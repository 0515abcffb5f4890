-- A row is one run whose file BigQuery refused: what it landed is not on its way to the warehouse.
SELECT run_id
FROM runs
WHERE slot >= @since AND step = 'load' AND state = 'failed'
