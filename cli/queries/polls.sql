-- A row is one run of ingest with its result for each listener: the newest thousand runs, the newest first. They are
-- counted and not dated, because the last run before a long pause still tells when each consent ends.
SELECT finished_at, details
FROM runs
WHERE step = 'ingest'
ORDER BY finished_at DESC
LIMIT 1000
