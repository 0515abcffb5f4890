-- A row is one run that landed a file of which load has recorded nothing, or fewer plays than it holds, with the details of
-- one generation that load has recorded.
SELECT landed.run_id, loaded.details
FROM (
  SELECT run_id, MAX(rows_new) AS rows_new
  FROM runs
  WHERE slot >= @since AND step IN ('ingest', 'import') AND state = 'succeeded'
  GROUP BY run_id
  HAVING MAX(finished_at) < @before
) AS landed
LEFT JOIN (
  SELECT
    run_id, details,
    MAX(rows_in) OVER of_run AS rows_in,
    MAX(IF(error_class = 'RowsRefused', 1, 0)) OVER of_run AS are_rows_refused
  FROM runs
  WHERE slot >= @since AND step = 'load'
  WINDOW of_run AS (PARTITION BY run_id)
) AS loaded
  ON landed.run_id = loaded.run_id
WHERE loaded.run_id IS NULL OR (loaded.are_rows_refused = 0 AND loaded.rows_in < landed.rows_new)
