"""When the plays of an export ended, and which of its rows are one play. Pure.

An export's `ts` is the time at which Spotify wrote the end of a play down. After a pause, an interruption or time
offline that is minutes to weeks late, and all plays of an offline trip can have the same `ts`. `offline_timestamp` is
when the play began, in files of recent years for every play: https://github.com/Micg25/Spotify-history-analyzer-Distributed-System
has 2,966 rows, of whose 1,909 long ones 223 have a `ts` more than 90 seconds after their beginning and the time heard.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cli.commands.import_history.reading.spotify_rows import ExportedPlay

LATEST = timedelta(days=31)
"""Spotify plays downloads for 30 days without a connection: https://support.spotify.com/article/listen-offline/"""
APART = timedelta(seconds=90)
"""An end that differs less from `ts` is `ts`: the key of a play does not hang on seconds."""
_ROUNDED = timedelta(seconds=2)
_LONG_ENOUGH_MS = 1000


def dated(rows: Iterable[ExportedPlay]) -> list[ExportedPlay]:
    """Each play once, the oldest first; `played_at` is `ts` before, and the end of the play afterwards."""
    groups: dict[tuple[datetime, str], list[ExportedPlay]] = defaultdict(list)
    for row in rows:
        groups[row.played_at, row.track_id].append(row)
    shared = _shared_beginnings(groups.values())
    plays = {(play.played_at, play.track_id): play for group in groups.values() for play in _distinct(group, shared)}
    return [plays[key] for key in sorted(plays)]


def _shared_beginnings(groups: Iterable[Sequence[ExportedPlay]]) -> set[datetime]:
    """Instants at which several plays are said to have begun: older files name the last time offline there."""
    begun = Counter(
        started_at
        for group in groups
        for started_at in {
            row.started_at for row in group if row.started_at and (row.ms_played or 0) >= _LONG_ENOUGH_MS
        }
    )
    return {started_at for started_at, plays in begun.items() if plays > 1}


def _distinct(group: Sequence[ExportedPlay], shared: set[datetime]) -> Iterator[ExportedPlay]:
    """The plays of one track with one `ts`. Of rows that may be one play, the one heard longest is the play."""
    ends: dict[datetime, tuple[datetime, ExportedPlay]] = {}
    for row in sorted(group, key=_heard_ms):
        end = None if row.started_at in shared else _end(row)
        if end and row.started_at:
            ends[row.started_at] = end, row
    if not ends:
        yield max(group, key=_heard_ms)
        return
    last = max(end for end, _ in ends.values())
    for end, row in ends.values():
        is_ts = end == last and row.played_at - end <= APART
        yield row if is_ts else replace(row, played_at=end, reported_at=row.played_at)


def _end(row: ExportedPlay) -> datetime | None:
    """When a play that began then and was heard so long ended; None where that does not agree with `ts`."""
    if row.started_at is None or row.ms_played is None:
        return None
    end = row.started_at + timedelta(milliseconds=row.ms_played)
    return end if -_ROUNDED <= row.played_at - end <= LATEST else None


def _heard_ms(row: ExportedPlay) -> int:
    return row.ms_played or 0
