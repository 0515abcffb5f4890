-- A row is one listener with the newest play that is stored, and how many are. A key that two rows have is one play.
SELECT listener_id, MAX(played_at) AS last_played_at, COUNT(*) AS plays
FROM (SELECT DISTINCT listener_id, played_at, track_id FROM plays)
GROUP BY listener_id
