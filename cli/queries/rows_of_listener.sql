-- A row is the number of the listener's rows in one table.
SELECT COUNT(*) AS row_count FROM $table WHERE listener_id = @listener_id
