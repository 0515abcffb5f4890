-- A row is one play of one listener with every column, the oldest first.
SELECT *
FROM plays
WHERE listener_id = @listener_id
ORDER BY played_at, track_id
