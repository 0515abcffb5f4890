-- A row is one run of ingest with its result for each listener, the newest first.
SELECT run_id, finished_at, details
FROM runs
WHERE step = 'ingest' AND slot >= @since
ORDER BY finished_at DESC
