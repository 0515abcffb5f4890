-- A row is one row of the ledger in new words: a listener who was forgotten is named no more.
MERGE runs
USING (
  SELECT word.run_id, word.slot, word.step, word.state, word.reason, word.details
  FROM UNNEST(@entries) AS word
) AS entry
ON runs.slot = entry.slot AND runs.run_id = entry.run_id AND runs.step = entry.step AND runs.state = entry.state
WHEN MATCHED THEN
  UPDATE SET reason = entry.reason, details = PARSE_JSON(entry.details)
