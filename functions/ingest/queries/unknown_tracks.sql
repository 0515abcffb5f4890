-- A row is one track whose audio features are unknown and may be requested: those of the last weeks first, of these the
-- most played. Another provider's "unknown" does not count for this one.
SELECT plays.track_id
FROM plays
LEFT JOIN catalogue ON plays.track_id = catalogue.track_id
WHERE REGEXP_CONTAINS(plays.track_id, @id_form)
  AND (
    (catalogue.features_source IS NULL AND COALESCE(catalogue.ask_again_at, @now) <= @now)
    OR (catalogue.ask_again_at IS NOT NULL AND (catalogue.features_source != @source OR catalogue.ask_again_at <= @now))
  )
GROUP BY plays.track_id
ORDER BY MAX(plays.played_at) >= @lately DESC, COUNT(*) DESC, MAX(plays.played_at) DESC, plays.track_id
LIMIT @most
