-- Rows are those of one listener, who is to be forgotten, in one table without partitions.
DELETE FROM $table WHERE listener_id = @listener_id
