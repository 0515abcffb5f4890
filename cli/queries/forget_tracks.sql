-- Rows are those of one listener, who is to be forgotten.
DELETE FROM tracks WHERE listener_id = @listener_id
