-- The row is the oldest and the newest instant of a listener's plays, NULLs where there is none, and how many rows.
SELECT MIN(played_at) AS oldest, MAX(played_at) AS newest, COUNT(*) AS plays
FROM plays
WHERE listener_id = @listener_id
