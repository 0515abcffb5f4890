-- A row is one listener with the newest play that is stored.
SELECT listener_id, MAX(played_at) AS last_played_at, COUNT(*) AS plays
FROM plays
GROUP BY listener_id
