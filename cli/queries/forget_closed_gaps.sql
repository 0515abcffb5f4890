-- Rows are those of one listener, who is to be forgotten.
DELETE FROM closed_gaps WHERE listener_id = @listener_id
