-- A row is one gap of the listener.
SELECT gap_start, gap_end, run_id, detected_at
FROM gaps
WHERE listener_id = @listener_id
ORDER BY gap_start, gap_end
