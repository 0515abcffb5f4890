-- A row is one play that the warehouse already holds, from the instant that is asked for its listener on.
SELECT plays.listener_id, plays.played_at, plays.track_id, plays.source
FROM plays
INNER JOIN UNNEST(@pages) AS page
  ON plays.listener_id = page.listener_id AND plays.played_at >= page.oldest
WHERE plays.played_at >= @oldest
