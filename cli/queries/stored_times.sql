-- A row is one play of the listener that is stored between two instants; of very many, the newest.
SELECT UNIX_MILLIS(played_at) AS instant, track_id
FROM plays
WHERE listener_id = @listener_id AND played_at BETWEEN @oldest AND @newest
ORDER BY played_at DESC, track_id
LIMIT 100000
