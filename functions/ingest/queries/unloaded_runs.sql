-- A row is one run of whose file load has not told, or told of fewer plays than it holds, with what load has told.
SELECT landed.run_id, loaded.details
FROM runs AS landed
LEFT JOIN runs AS loaded
  ON loaded.slot >= @since AND loaded.run_id = landed.run_id AND loaded.step = 'load'
WHERE landed.slot >= @since
  AND landed.step IN ('ingest', 'import')
  AND landed.state = 'succeeded'
  AND landed.finished_at < @before
  AND (loaded.run_id IS NULL OR (COALESCE(loaded.error_class, '') != 'RowsRefused' AND loaded.rows_in < landed.rows_new))
