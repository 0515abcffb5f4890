-- A row is one table with the number of its rows that are the listener's.
SELECT 'plays' AS name, COUNT(*) AS row_count FROM plays WHERE listener_id = @listener_id
UNION ALL
SELECT 'gaps', COUNT(*) FROM gaps WHERE listener_id = @listener_id
UNION ALL
SELECT 'tracks', COUNT(*) FROM tracks WHERE listener_id = @listener_id
UNION ALL
SELECT 'top_tracks', COUNT(*) FROM top_tracks WHERE listener_id = @listener_id
