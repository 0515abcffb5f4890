-- A row is one row of the ledger whose words may name the listener; an underscore in the name stands for any character.
SELECT run_id, slot, step, started_at, reason, TO_JSON_STRING(details) AS details
FROM runs
WHERE reason LIKE CONCAT('%', @listener_id, '%') OR TO_JSON_STRING(details) LIKE CONCAT('%', @listener_id, '%')
