-- Rows of tracks that no play is left of: that they are there would say that somebody has played them.
DELETE FROM catalogue
WHERE track_id NOT IN (SELECT track_id FROM plays)
