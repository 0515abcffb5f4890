-- A row is one run of ingest with its result for each listener: the newest thousand runs, the newest first. No date limits
-- them: after a long pause the last run before it still has the end of each consent.
SELECT finished_at, details
FROM runs
WHERE step = 'ingest'
ORDER BY finished_at DESC
LIMIT 1000
