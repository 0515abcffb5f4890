"""Which row of a file and which stored row tell of one play, although their keys differ. Words and SQL, no network.

Spotify tells a play twice: its API within the hour, with milliseconds; the listener's data export weeks later, with
seconds, with the time heard, and sometimes with another id of the same recording. Both tell when the play ended,
give or take. So a row from the API and one from an export are the same play when

- the listener is the same, and so is the track's id, or else title and artist (capitals do not matter);
- the two ends lie at most 90 seconds apart;
- the export's row was heard for 30 seconds: shorter ones count nowhere, and the API does not show them;
- the stored row of the API lacks its time heard, or has learned the same one before: another belongs to another play;
- neither row's key is on the other side: two rows with one key are one play, and are settled;
- each is the other's nearest: same id before same name, then the smaller distance, then the earlier play.

The last makes it one to one. docs/decisions/0022 says why; `cli/forecast.py` foretells the same in Python.
"""

APART_MS = 90_000
"""Three plays are possible in so long a time, so the nearest is taken; the two ends were seen 18 seconds apart."""
COUNTS_FROM_MS = 30_000

_NEAREST = "by_name, apart_ms, landed_at, stored_at, landed_id, stored_id"


def pairs_sql(landed: str, stored: str) -> str:
    """A row is one play: listener_id, and of the landed and the stored row played_at and track_id.

    `landed` and `stored` name relations with the columns of `plays`, each with one row per key.
    """
    return f"""\
SELECT listener_id, landed_at, landed_id, stored_at, stored_id
FROM (
  {_close_sql(landed, stored, by_name=False)}
  UNION ALL
  {_close_sql(landed, stored, by_name=True)}
)
WHERE apart_ms <= {APART_MS}
QUALIFY ROW_NUMBER() OVER (PARTITION BY listener_id, landed_at, landed_id ORDER BY {_NEAREST}) = 1
  AND ROW_NUMBER() OVER (PARTITION BY listener_id, stored_at, stored_id ORDER BY {_NEAREST}) = 1"""  # noqa: S608 -- names


def open_sql(rows: str, others: str) -> str:
    """The rows that can be half of a pair: no row among the others has their key, and they were heard long enough."""
    return f"""\
SELECT mine.listener_id, mine.played_at, mine.track_id, mine.source, mine.ms_played,
  LOWER(mine.track_name) AS title, LOWER(mine.artist_name) AS artist
FROM {rows} AS mine
LEFT JOIN {others} AS other
  ON mine.listener_id = other.listener_id AND mine.played_at = other.played_at AND mine.track_id = other.track_id
WHERE other.listener_id IS NULL AND (mine.source = 'api' OR mine.ms_played >= {COUNTS_FROM_MS})"""  # noqa: S608 -- names


def _close_sql(landed: str, stored: str, *, by_name: bool) -> str:
    """Equal columns are what BigQuery can join on; a condition on the distance alone would compare all with all."""
    same = (
        "landed.title = stored.title AND landed.artist = stored.artist"
        if by_name
        else ("landed.track_id = stored.track_id")
    )
    other_ids = " AND landed.track_id != stored.track_id" if by_name else ""
    return f"""\
SELECT landed.listener_id, landed.played_at AS landed_at, landed.track_id AS landed_id,
    stored.played_at AS stored_at, stored.track_id AS stored_id, {int(by_name)} AS by_name,
    ABS(TIMESTAMP_DIFF(landed.played_at, stored.played_at, MILLISECOND)) AS apart_ms
  FROM {landed} AS landed
  INNER JOIN {stored} AS stored ON landed.listener_id = stored.listener_id AND {same}
  WHERE landed.source != stored.source{other_ids}
    AND (landed.source = 'api' OR stored.ms_played IS NULL OR landed.ms_played = stored.ms_played)"""  # noqa: S608 -- names
