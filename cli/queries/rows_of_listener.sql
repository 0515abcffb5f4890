-- A row is one table with the number of its rows that are the listener's.
SELECT 'plays' AS name, COUNT(*) AS row_count FROM plays WHERE listener_id = @listener_id
UNION ALL
SELECT 'gaps', COUNT(*) FROM gaps WHERE listener_id = @listener_id
UNION ALL
SELECT 'closed_gaps', COUNT(*) FROM closed_gaps WHERE listener_id = @listener_id
UNION ALL
SELECT 'imports', COUNT(*) FROM imports WHERE listener_id = @listener_id
UNION ALL
SELECT 'tracks', COUNT(*) FROM tracks WHERE listener_id = @listener_id
UNION ALL
SELECT 'top_tracks', COUNT(*) FROM top_tracks WHERE listener_id = @listener_id
