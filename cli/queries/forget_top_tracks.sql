-- Rows are those of one listener, who is to be forgotten.
DELETE FROM top_tracks WHERE listener_id = @listener_id
