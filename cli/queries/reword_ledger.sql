-- A row is one row of the ledger without the name of a forgotten listener: the only statement that changes the ledger.
MERGE runs
USING (
  SELECT word.run_id, word.slot, word.step, word.started_at, word.reason, word.details
  FROM UNNEST(@entries) AS word
) AS entry
ON runs.slot = entry.slot AND runs.run_id = entry.run_id AND runs.step = entry.step AND runs.started_at = entry.started_at
WHEN MATCHED THEN
  UPDATE SET reason = entry.reason, details = PARSE_JSON(entry.details)
