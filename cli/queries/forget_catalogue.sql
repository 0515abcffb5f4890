-- Rows of tracks that no play is left of: their presence would say that a listener has played them.
DELETE FROM catalogue
WHERE track_id NOT IN (SELECT track_id FROM plays)
