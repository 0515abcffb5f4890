-- A row is one play of `landed`, with the key of the row of `stored` that is the same play, if there is one, and what
-- load does with it: `new` is inserted, `completed` adds what the stored row lacks, `known` changes nothing. A row of
-- `stored` that is the same play as another one of `stored` is `doubled`.
--
-- `landed` and `stored` have the columns of `plays` that are read here, one row per key; `tracks` has ISRCs by track.
-- Rows with one key are one play. So are rows of the API with one instant where the ISRC agrees, or title and artist: Spotify
-- has given the track another id since. Of the others, a row of the API and a row of an export are one play when the listener
-- is the same, the recordings and the times agree, and each is the other's nearest: docs/decisions/0022 has the reasons.
--
-- likeness: how the recordings agree, the surest first
--   0 the track's id
--   1 the ISRC
--   2 the title, and either a credited artist or the album
--   3 the title, and the track was played from its beginning to its end: a compilation has another artist and album
-- closeness: how the times agree, the surest first
--   0 an export had this play before: the stored row has its `ts` and the time played
--   1 the ends lie at most 90 seconds apart
--   2 they lie at most 30 seconds apart, and the play was shorter than 30 seconds
--   3 the track was paused: the API's instant lies between the end and the `ts`. If the end is not known, it lies between
--     the `ts` of the play before and this one, at most two hours before it; of the first play of a file, at most the
--     track's length before it, if played whole. Only a landed file has the play before: an undo may have deleted it
--
-- A row with an import_id is one that only an import has brought here. The API's own row takes its place; what an import
-- brings, an older row of the API's among it, adds `ms_played` at most.
--
-- In order: plays_near (both sides), spelled (titles to compare), placed and relisted (ids of one instant), linked and
-- compared (candidates), close, ranked and matched (each the other's nearest), numbered and pairs (of a track that was
-- played again at once, in order), paired (one for each landed row), partners and judged (what load does).
WITH plays_near AS (
  SELECT
    near.listener_id, near.played_at, near.track_id, near.is_landed, near.source, near.ms_played, near.reported_at,
    near.import_id,
    COALESCE(near.reported_at, near.played_at) AS over_at,
    near.track_name, near.artist_name, near.artist_names, near.album_name, near.duration_ms,
    LOWER(REGEXP_REPLACE(COALESCE(near.isrc, tracks.isrc), '[\\s-]', '')) AS isrc,
    COUNT(*) OVER same_key AS rows_of_key,
    MAX(IF(near.is_landed, NULL, near.source)) OVER same_key AS stored_source,
    MAX(IF(near.is_landed, NULL, near.ms_played)) OVER same_key AS stored_ms_played,
    MAX(IF(near.is_landed, NULL, near.reported_at)) OVER same_key AS stored_reported_at,
    MAX(IF(near.is_landed, NULL, near.import_id)) OVER same_key AS stored_import_id,
    MAX(IF(near.ms_played >= 30000, COALESCE(near.reported_at, near.played_at), NULL)) OVER (
      PARTITION BY near.is_landed, near.listener_id
      ORDER BY UNIX_MILLIS(COALESCE(near.reported_at, near.played_at))
      RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS play_before_over_at
  FROM (
    SELECT
      TRUE AS is_landed, listener_id, played_at, track_id, source, ms_played, reported_at, track_name, artist_name,
      artist_names, album_name, duration_ms, isrc, import_id
    FROM landed
    UNION ALL
    SELECT
      FALSE, listener_id, played_at, track_id, source, ms_played, reported_at, track_name, artist_name,
      artist_names, album_name, duration_ms, isrc, import_id
    FROM stored
  ) AS near
  LEFT JOIN tracks ON near.listener_id = tracks.listener_id AND near.track_id = tracks.track_id
  WINDOW same_key AS (PARTITION BY near.listener_id, near.played_at, near.track_id)
),
-- Without capitals, punctuation, and what names an edition or a guest.
spelled AS (
  SELECT
    *,
    REGEXP_REPLACE(
      REGEXP_REPLACE(
        NORMALIZE_AND_CASEFOLD(track_name, NFKC),
        CONCAT(
          '(\\d{4} (- )?)?(digital(ly)? )?re-?master(ed)?( in)?( \\d{4})?( version| edition)?',
          '|(deluxe|expanded|special|anniversary|album|original) (edition|version)|bonus track( version)?',
          '|[(\\[](feat\\.?|ft\\.?|featuring|with) [^)\\]]*[)\\]]| - (feat\\.?|ft\\.?|featuring) .*'
        ),
        ''
      ),
      '[^\\p{L}\\p{M}\\p{N}]+', ''
    ) AS title,
    REGEXP_REPLACE(NORMALIZE_AND_CASEFOLD(album_name, NFKC), '[^\\p{L}\\p{M}\\p{N}]+', '') AS album,
    REGEXP_REPLACE(NORMALIZE_AND_CASEFOLD(artist_name, NFKC), '[^\\p{L}\\p{M}\\p{N}]+', '') AS artist,
    REGEXP_REPLACE(
      NORMALIZE_AND_CASEFOLD(COALESCE(artist_names, artist_name), NFKC), '[^\\p{L}\\p{M}\\p{N};]+', ''
    ) AS artists
  FROM plays_near
  WHERE rows_of_key = 1 OR source = 'api'
),
-- Rows of the API with one instant, in the order in which they stay. `is_first`: the recording is that of the first one.
placed AS (
  SELECT
    *,
    ROW_NUMBER() OVER same_instant AS place,
    FIRST_VALUE(track_id) OVER same_instant AS first_id,
    isrc = FIRST_VALUE(isrc) OVER same_instant
    OR (
      title = FIRST_VALUE(title) OVER same_instant
      AND (
        STRPOS(CONCAT(';', FIRST_VALUE(artists) OVER same_instant, ';'), CONCAT(';', artist, ';')) > 0
        OR STRPOS(CONCAT(';', artists, ';'), CONCAT(';', FIRST_VALUE(artist) OVER same_instant, ';')) > 0
      )
    ) AS is_first
  FROM spelled
  WINDOW same_instant AS (
    PARTITION BY listener_id, played_at, source
    ORDER BY is_landed, rows_of_key DESC, import_id, ms_played IS NULL, track_id
  )
),
-- `relisted_as`: the id of the row that stays, where this is another one of the same recording. It has itself none.
-- What agrees only with a row whose title is the first one's is another recording: in a file of its own it was stored.
relisted AS (
  SELECT
    *,
    CASE
      WHEN source != 'api' OR rows_of_key > 1 THEN NULL
      WHEN is_first THEN NULLIF(first_id, track_id)
      ELSE NULLIF(FIRST_VALUE(track_id) OVER same_isrc, track_id)
    END AS relisted_as
  FROM placed
  WINDOW same_isrc AS (
    PARTITION BY listener_id, played_at, source, COALESCE(is_first, FALSE), COALESCE(isrc, track_id) ORDER BY place
  )
),
-- Equal columns are what BigQuery can join on; a condition on the distance alone would compare all with all.
linked AS (
  SELECT relisted.*, link
  FROM relisted
  CROSS JOIN UNNEST([
    CONCAT('id ', track_id), CONCAT('isrc ', isrc), CONCAT('title ', COALESCE(NULLIF(title, ''), LOWER(track_name)))
  ]) AS link
  WHERE link IS NOT NULL AND rows_of_key = 1 AND relisted_as IS NULL
),
-- Once per pair, however many links it has. `shown` is a row of the API, or one of another export, which is landed.
compared AS (
  SELECT DISTINCT
    shown.listener_id, shown.is_landed,
    shown.played_at AS shown_at, shown.track_id AS shown_id, shown.source AS shown_source,
    shown.ms_played AS shown_ms_played, shown.reported_at AS shown_reported_at, shown.import_id AS shown_import_id,
    export.played_at AS export_at, export.track_id AS export_id, export.import_id AS export_import_id,
    COALESCE(export.ms_played, 30000) >= 30000 AS is_counted,
    LEAST(
      ABS(TIMESTAMP_DIFF(shown.played_at, export.played_at, MILLISECOND)),
      ABS(TIMESTAMP_DIFF(shown.played_at, export.over_at, MILLISECOND))
    ) AS apart_ms,
    CASE
      WHEN shown.track_id = export.track_id THEN 0
      WHEN shown.isrc = export.isrc THEN 1
      WHEN shown.album = export.album OR STRPOS(CONCAT(';', shown.artists, ';'), CONCAT(';', export.artist, ';')) > 0
        THEN 2
      WHEN ABS(export.ms_played - shown.duration_ms) <= 2000 THEN 3
    END AS likeness,
    -- Another export may lack the beginning, or have it cut off to seconds, or worked out from the API's instant, or have
    -- another id of the track. A play cannot have begun twice in less time than it lasted: the beginnings lie less than
    -- that apart, and at most two seconds, or half of it if that is more.
    CASE
      WHEN shown.source = 'export' THEN
        shown.is_landed AND shown.over_at = export.over_at
        AND (shown.track_id = export.track_id OR shown.ms_played > 2000)
        AND (
          (shown.reported_at IS NULL) != (export.reported_at IS NULL)
          OR ABS(TIMESTAMP_DIFF(shown.played_at, export.played_at, MILLISECOND))
            <= LEAST(shown.ms_played - 1, IF(shown.ms_played < 4000, 2000, shown.ms_played / 2))
        )
      ELSE shown.reported_at = export.over_at
    END AS is_known_by_ts,
    shown.source = 'api' AND shown.reported_at IS NULL AS is_open,
    CASE
      WHEN export.reported_at IS NOT NULL THEN shown.played_at BETWEEN export.played_at AND export.over_at
      WHEN NOT export.is_landed THEN FALSE
      WHEN export.play_before_over_at IS NOT NULL THEN
        TIMESTAMP_DIFF(export.over_at, shown.played_at, MILLISECOND) BETWEEN 0 AND 7200000
        AND shown.played_at >= export.play_before_over_at
      ELSE
        TIMESTAMP_DIFF(export.over_at, shown.played_at, MILLISECOND) BETWEEN 0 AND shown.duration_ms
        AND ABS(export.ms_played - shown.duration_ms) <= 2000
    END AS is_in_pause
  FROM linked AS shown
  INNER JOIN linked AS export
    ON shown.listener_id = export.listener_id AND shown.link = export.link
  WHERE export.source = 'export' AND shown.is_landed != export.is_landed
    AND (shown.ms_played IS NULL OR shown.ms_played = export.ms_played)
),
close AS (
  SELECT
    *,
    CASE
      WHEN is_known_by_ts THEN 0
      WHEN is_open AND apart_ms <= 90000 AND is_counted THEN 1
      WHEN is_open AND apart_ms <= 30000 AND likeness < 3 THEN 2
      WHEN is_open AND is_in_pause AND is_counted AND likeness < 3 AND shown_ms_played IS NULL THEN 3
    END AS closeness
  FROM compared
  WHERE likeness IS NOT NULL
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER of_shown = 1 AND ROW_NUMBER() OVER of_export = 1 AS is_nearest
  FROM close
  WHERE closeness IS NOT NULL
  WINDOW
    of_shown AS (
      PARTITION BY listener_id, is_landed, shown_at, shown_id
      ORDER BY closeness, likeness, apart_ms, export_at, export_id
    ),
    of_export AS (
      PARTITION BY listener_id, is_landed, export_at, export_id
      ORDER BY closeness, likeness, apart_ms, shown_at, shown_id
    )
),
-- Rows whose nearest is another's may find each other once that one is taken.
matched AS (
  SELECT
    *,
    is_open AND shown_ms_played IS NULL AND ABS(TIMESTAMP_DIFF(shown_at, export_at, MILLISECOND)) <= 30000 AS is_loose
  FROM (
    SELECT
      *,
      MAX(IF(is_nearest, 1, 0)) OVER (PARTITION BY listener_id, is_landed, shown_at, shown_id) AS shown_is_taken,
      MAX(IF(is_nearest, 1, 0)) OVER (PARTITION BY listener_id, is_landed, export_at, export_id) AS export_is_taken
    FROM ranked
  ) AS rest
  WHERE is_nearest OR (shown_is_taken = 0 AND export_is_taken = 0)
  QUALIFY ROW_NUMBER() OVER of_shown = 1 AND ROW_NUMBER() OVER of_export = 1
  WINDOW
    of_shown AS (
      PARTITION BY listener_id, is_landed, shown_at, shown_id
      ORDER BY closeness, likeness, apart_ms, export_at, export_id
    ),
    of_export AS (
      PARTITION BY listener_id, is_landed, export_at, export_id
      ORDER BY closeness, likeness, apart_ms, shown_at, shown_id
    )
),
-- Plays of one track are in one order in both: a play and the same track skipped right after it do not change places.
numbered AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY listener_id, is_landed, shown_id, export_id, is_loose ORDER BY shown_at
    ) AS shown_place,
    ROW_NUMBER() OVER (
      PARTITION BY listener_id, is_landed, shown_id, export_id, is_loose ORDER BY IF(is_loose, export_at, shown_at)
    ) AS export_place
  FROM matched
),
pairs AS (
  SELECT
    shown.listener_id,
    IF(shown.is_landed, shown.shown_at, export.export_at) AS landed_at,
    IF(shown.is_landed, shown.shown_id, shown.export_id) AS landed_id,
    IF(shown.is_landed, export.export_at, shown.shown_at) AS stored_at,
    IF(shown.is_landed, shown.export_id, shown.shown_id) AS stored_id,
    IF(shown.is_landed, 'export', shown.shown_source) AS stored_source,
    IF(shown.is_landed, NULL, shown.shown_ms_played) AS stored_ms_played,
    IF(shown.is_landed, NULL, shown.shown_reported_at) AS stored_reported_at,
    IF(shown.is_landed, export.export_import_id, shown.shown_import_id) AS stored_import_id
  FROM numbered AS shown
  INNER JOIN numbered AS export
    ON shown.listener_id = export.listener_id AND shown.is_landed = export.is_landed
    AND shown.shown_id = export.shown_id AND shown.export_id = export.export_id
    AND shown.is_loose = export.is_loose AND shown.shown_place = export.export_place
),
-- A landed row of an export can have found one of the API and one of another export that load has not made one row.
paired AS (
  SELECT *
  FROM pairs
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY listener_id, landed_at, landed_id ORDER BY stored_source, stored_at, stored_id
  ) = 1
),
partners AS (
  SELECT
    mine.listener_id, mine.played_at, mine.track_id, mine.is_landed, mine.source, mine.ms_played, mine.reported_at,
    mine.import_id,
    IF(mine.rows_of_key = 2 OR relisted.relisted_as IS NOT NULL, mine.played_at, paired.stored_at) AS stored_at,
    IF(mine.rows_of_key = 2, mine.track_id, COALESCE(relisted.relisted_as, paired.stored_id)) AS stored_id,
    relisted.relisted_as IS NOT NULL AS is_relisted,
    COALESCE(mine.stored_source, kept.stored_source, paired.stored_source) AS stored_source,
    COALESCE(mine.stored_ms_played, kept.stored_ms_played, paired.stored_ms_played) AS stored_ms_played,
    COALESCE(mine.stored_reported_at, kept.stored_reported_at, paired.stored_reported_at) AS stored_reported_at,
    COALESCE(mine.stored_import_id, kept.stored_import_id, paired.stored_import_id) AS stored_import_id
  FROM plays_near AS mine
  LEFT JOIN paired
    ON mine.listener_id = paired.listener_id AND mine.played_at = paired.landed_at AND mine.track_id = paired.landed_id
  LEFT JOIN relisted
    ON mine.listener_id = relisted.listener_id
    AND mine.played_at = relisted.played_at AND mine.track_id = relisted.track_id AND relisted.relisted_as IS NOT NULL
  LEFT JOIN plays_near AS kept
    ON relisted.listener_id = kept.listener_id
    AND relisted.played_at = kept.played_at AND relisted.relisted_as = kept.track_id AND NOT kept.is_landed
  WHERE mine.is_landed OR relisted.relisted_as IS NOT NULL
),
judged AS (
  SELECT
    *,
    CASE
      WHEN NOT is_landed THEN 'doubled'
      WHEN stored_source IS NULL THEN IF(is_relisted, 'known', 'new')
      WHEN source = 'api' AND import_id IS NULL AND (stored_source = 'export' OR stored_import_id IS NOT NULL)
        THEN 'completed'
      WHEN (source = 'export' OR (import_id IS NOT NULL AND ms_played IS NOT NULL))
        AND stored_source = 'api' AND stored_ms_played IS NULL AND stored_reported_at IS NULL
        THEN 'completed'
      ELSE 'known'
    END AS judgement
  FROM partners
)
-- MERGE fails where two rows of a file would complete one.
SELECT
  listener_id, played_at, track_id, stored_at, stored_id,
  IF(
    judgement = 'completed' AND ROW_NUMBER() OVER (
      PARTITION BY listener_id, stored_at, stored_id, judgement ORDER BY is_relisted, track_id
    ) > 1,
    'known', judgement
  ) AS outcome
FROM judged
