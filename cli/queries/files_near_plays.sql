-- A row is one file of an import near whose plays others are stored; all plays of the other files are new.
SELECT DISTINCT file.number
FROM UNNEST(@ranges) AS file
INNER JOIN plays ON plays.played_at BETWEEN file.begins_at AND file.ends_at
WHERE plays.listener_id = @listener_id AND plays.played_at BETWEEN @oldest AND @newest
