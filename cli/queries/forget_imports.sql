-- Rows are those of one listener, who is to be forgotten.
DELETE FROM imports WHERE listener_id = @listener_id
