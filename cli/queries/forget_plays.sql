-- Rows are plays of one listener, who is to be forgotten, in a stretch of time.
DELETE FROM plays WHERE listener_id = @listener_id AND played_at >= @since AND played_at < @until
