"""When the plays of an export ended, and which of its rows are one play. Pure.

An export's `ts` is the time at which Spotify wrote the end of a play down. After a pause, an interruption or time
offline that is minutes to weeks late, and all plays of an offline trip can have the same `ts`. `offline_timestamp` is
when the play began, in files of recent years for every play: https://github.com/Micg25/Spotify-history-analyzer-Distributed-System
has 2,966 rows, of whose 1,909 long ones 223 have a `ts` more than 90 seconds after their beginning and the time played.

Two exports of one listener can differ: the older one lacks beginnings, or has them in other units, and a track may have
another id since. functions/load/queries/same_play.sql has the same rule for a play that is stored.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import groupby
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from cli.commands.import_history.reading.plays import UNKNOWN, Column, Names, Plays, Rows
from cli.commands.import_history.reading.spotify_rows import COUNTS_FROM_MS

LATEST = timedelta(days=31)
"""Spotify plays downloads for 30 days without a connection: https://support.spotify.com/article/listen-offline/"""
APART = timedelta(seconds=90)
"""An end that differs less from `ts` is `ts`: the key of a play does not hang on seconds."""
ROUNDED = timedelta(seconds=2)
"""How far apart two files may have one beginning at most. They lie less apart than the play lasted, too: it cannot have
begun twice in less time."""
_LATEST_MS, _APART_MS, _ROUNDED_MS = (limit // timedelta(milliseconds=1) for limit in (LATEST, APART, ROUNDED))
_RECORDED_AGAIN_MS = 30_000
"""An export that records a play twice gives ends less than this apart: https://github.com/krateng/maloja/issues/104"""
EDITION = re.compile(
    r"(\d{4} (- )?)?(digital(ly)? )?re-?master(ed)?( in)?( \d{4})?( version| edition)?"
    r"|(deluxe|expanded|special|anniversary|album|original) (edition|version)|bonus track( version)?"
    r"|[(\[](feat\.?|ft\.?|featuring|with) [^)\]]*[)\]]| - (feat\.?|ft\.?|featuring) .*"
)
"""What names an edition or a guest in a title, as in same_play.sql."""
_LETTERS = 500
_LONG_ENOUGH_MS = 1000
_ROWS_AT_ONCE = 100_000

_Mask = NDArray[np.bool_]


def dated(rows: Rows) -> Plays:
    """Each play once, the oldest first; `played_at` is the end of the play. Of the rows only `late_ms` stays.

    Of rows with one track and `ts`, those that say when they began are plays of their own, the last one ended at its
    `ts`; where none does, all are one play. Of rows that may be one play, the one played longest is the play. Rows of
    one track and time played that overlap are one play too.

    A row that `export` has written is a play of its own. Without a beginning it ended at its `ts`, unless rows of
    another file with that track and `ts` have beginnings: then it is one of those plays. With the track, `ts` and time
    played of a row of Spotify's it is that row's play.
    """
    names, manners = list(rows.names), list(rows.manners)
    by_id = {track_id: place for place, track_id in enumerate(sorted({track_id for track_id, *_ in names}))}
    ids = np.array([by_id[track_id] for track_id, *_ in names], np.int32)
    parts = list(zip(*_parts(rows, names, ids), strict=True))
    rows.clear()
    columns = [np.concatenate(parts.pop(0)) for _ in range(len(parts))]
    played_at, track, ms_played, *_ = columns
    order = np.lexsort((ms_played, ids[track], played_at))
    order = order[_last_of_each(played_at[order], ids[track][order])]
    del played_at, track, ms_played
    for place, column in enumerate(columns):
        columns[place] = column[order]
    return Plays(names, manners, columns)


def _parts(rows: Rows, names: Sequence[Names], ids: Column) -> Iterator[tuple[Column, ...]]:
    """The columns of Plays, for some rows at a time: for all that have one `ts`."""
    columns = rows.ts, rows.began, rows.ms_played, rows.track, rows.manner, rows.own_file
    ts, began, ms_played, track, manner, own_file = map(np.asarray, columns)
    is_first, began = _recorded_once(ts, began, ms_played, ids[track], own_file)
    shared = _shared(ts[is_first], began[is_first], ms_played[is_first], ids[track[is_first]])
    ended = began.astype(np.int64) * 1000 + ms_played
    has_end = (began != UNKNOWN) & (ms_played != UNKNOWN) & (ts - ended >= -_ROUNDED_MS) & (ts - ended <= _LATEST_MS)
    ended[~has_end | np.isin(began, shared)] = UNKNOWN
    rows.late_ms = np.where((ended != UNKNOWN) & (ts - ended > _APART_MS), ts - ended, 0).astype(np.uint32)
    order = np.argsort(ts, kind="stable").astype(np.int32)
    order = order[is_first[order]]
    start = 0
    while start < len(order) or not start:
        end = min(start + _ROWS_AT_ONCE, len(order))
        while 0 < end < len(order) and ts[order[end]] == ts[order[end - 1]]:
            end += 1
        some = order[start:end]
        yield _part(
            *(names, ids, ended[some], ts[some], began[some].astype(np.int64)),
            *(ms_played[some], track[some], manner[some], own_file[some]),
        )
        start = max(end, 1)


def _part(
    names: Sequence[Names],
    ids: Column,
    end: Column,
    ts: Column,
    began: Column,
    ms_played: Column,
    track: Column,
    manner: Column,
    own_file: Column,
) -> tuple[Column, ...]:
    track_id, played_ms = ids[track], np.maximum(ms_played, 0)
    place: Column = np.arange(len(ts))
    order = np.lexsort((-place, played_ms, began, own_file, track_id, ts))
    kept = order[_last_of_each(ts[order], track_id[order], own_file[order], began[order])]
    ts, began, end, ms_played, track, manner, own_file, track_id, played_ms, place = (
        column[kept] for column in (ts, began, end, ms_played, track, manner, own_file, track_id, played_ms, place)
    )
    has_end = end != UNKNOWN

    group = np.cumsum(np.r_[True, (ts[1:] != ts[:-1]) | (track_id[1:] != track_id[:-1])])[: len(ts)] - 1
    is_play = _without_rounded(has_end, group, ms_played, began)
    is_own = own_file > 0
    is_play |= is_own & ~has_end & ~_has_end_elsewhere(has_end, group, own_file)
    # Spotify's own row of a play knows its beginning better than one that was worked out from the API's instant.
    played = group * (1 << 32) + played_ms
    is_play &= ~(is_own & np.isin(played, played[has_end & ~is_own]))
    last_end = np.full(len(ts), UNKNOWN)
    np.maximum.at(last_end, group[is_play], end[is_play])
    order = np.lexsort((-place, played_ms, group))
    longest = order[_last_of_each(group[order])]
    is_play[longest] |= ~np.isin(group[longest], group[has_end])
    is_late = has_end & (is_own | (end != last_end[group]) | (ts - end > _APART_MS)) & (ts > end)
    is_play[list(_of_another_id(names, ts, ms_played, track, end, place, is_play, own_file))] = False

    played_at, late_ms = np.where(is_late, end, ts), np.where(is_late, ts - end, 0).astype(np.uint32)
    columns = played_at, track, ms_played, began.astype(np.int32), late_ms, manner
    return tuple(column[is_play] for column in columns)


def _has_end_elsewhere(has_end: _Mask, group: Column, own_file: Column) -> _Mask:
    """Whether a row of the group in another file than this row's says when it ended; Spotify's files count as one."""
    first, last = np.full(len(group), np.iinfo(np.int32).max), np.full(len(group), -1)
    np.minimum.at(first, group[has_end], own_file[has_end])
    np.maximum.at(last, group[has_end], own_file[has_end])
    is_elsewhere: _Mask = (first[group] != own_file) | (last[group] != own_file)
    return is_elsewhere & (last[group] >= 0)


def _last_of_each(*sorted_columns: Column) -> _Mask:
    """Which rows are followed by another key, or by none."""
    differs = [column[1:] != column[:-1] for column in sorted_columns]
    last = np.ones(len(sorted_columns[0]), np.bool_)
    last[:-1] = np.logical_or.reduce(differs)
    return last


def _recorded_once(
    ts: Column, began: Column, ms_played: Column, track_id: Column, own_file: Column
) -> tuple[_Mask, Column]:
    """Which rows do not record a play again, and the beginnings: the earliest row stays, and takes another's over.

    An older export lacks beginnings, and has the same rows. Rows that say when they began stay where those are several
    plays: a trip offline can have some of a track at one `ts`.

    Two plays of one track and time played have their ends, and their beginnings, that time apart. Half of it is enough
    here: `ts` comes by way of a network, and some play a track of half a minute all night.
    """
    near_ms = np.minimum(_RECORDED_AGAIN_MS, ms_played // 2)
    order = np.flatnonzero((ms_played >= COUNTS_FROM_MS) & (own_file == 0))
    played = (track_id[order].astype(np.int64) << 32) + ms_played[order]
    by_play = np.lexsort((ts[order], played))
    order, played = order[by_play], played[by_play]
    is_near = (played[1:] == played[:-1]) & (np.diff(ts[order]) < near_ms[order[1:]])
    near = np.cumsum(np.r_[True, ~is_near])[: len(order)]
    is_one_of = np.r_[False, is_near][: len(order)] | np.r_[is_near, False][: len(order)]
    earliest, near = order[is_one_of], near[is_one_of]
    order = earliest[np.lexsort((began[earliest], began[earliest] == UNKNOWN, near))]
    before, after = order[:-1], order[1:]
    is_again = (began[after] == UNKNOWN) | (began[after] - began[before] < near_ms[after] / 1000)
    stays = np.r_[True, ~is_again | (near[1:] != near[:-1])][: len(order)]
    is_first, began = np.ones(len(ts), np.bool_), began.copy()
    is_first[order[~stays]] = False
    is_one = stays & (np.bincount(near[stays])[near] == 1)
    is_first[order[is_one]], is_first[earliest[is_one]] = False, True
    began[earliest[is_one]] = began[order[is_one]]
    return is_first, began


def _shared(ts: Column, began: Column, ms_played: Column, track_id: Column) -> Column:
    """Instants at which several plays are said to have begun: older files name the last time offline there."""
    known = np.flatnonzero((began != UNKNOWN) & (ms_played >= _LONG_ENOUGH_MS))
    known = known[np.argsort(began[known], kind="stable")]
    one, next_one = known[:-1], known[1:]
    # One play can have two ids, but then it has one time played.
    are_two = (track_id[one] != track_id[next_one]) & (ms_played[one] != ms_played[next_one])
    are_two |= ts[one] != ts[next_one]
    return np.unique(began[one][are_two & (began[one] == began[next_one])])


def _without_rounded(has_end: _Mask, group: Column, ms_played: Column, began: Column) -> _Mask:
    """Without rows that begin just after another one of their track, `ts` and time played: that is one play."""
    order = np.lexsort((began, ms_played, group))
    order = order[has_end[order]]
    before, after = order[:-1], order[1:]
    repeats = (group[before] == group[after]) & (ms_played[before] == ms_played[after])
    apart_ms = (began[after] - began[before]) * 1000
    repeats &= (apart_ms <= _ROUNDED_MS) & (apart_ms < ms_played[after])
    is_play = has_end.copy()
    is_play[after[repeats]] = False
    return is_play


def _of_another_id(
    names: Sequence[Names],
    ts: Column,
    ms_played: Column,
    track: Column,
    end: Column,
    place: Column,
    is_play: _Mask,
    own_file: Column,
) -> Iterator[int]:
    """Rows of a play that another export has under another id: `ts` and time played are the same, the names agree.

    The one stays that says when it began, else the one that was read first. No file of `export` has a play twice.
    """
    order = np.lexsort((place, end == UNKNOWN, ms_played, ts))
    order = order[is_play[order] & (ms_played[order] > _ROUNDED_MS)]
    alike = (ts[order][1:] == ts[order][:-1]) & (ms_played[order][1:] == ms_played[order][:-1])
    candidates = order[np.r_[alike, False][: len(order)] | np.r_[False, alike][: len(order)]]
    for (_, played), rows in groupby(candidates.tolist(), key=lambda row: (ts[row], ms_played[row])):
        stay: list[int] = []
        for row in rows:
            if any(
                _is_alike(names[track[row]], names[track[other]], end[row], end[other], played >= COUNTS_FROM_MS)
                for other in stay
                if not own_file[row] or own_file[row] != own_file[other]
            ):
                yield row
            else:
                stay.append(row)


def _is_alike(one: Names, other: Names, end: int, other_end: int, counts: bool) -> bool:
    """Of plays that count or began together, the title decides; if one has lost it, the artist, if that is there.

    Of short ones without beginnings, many can have one `ts`, and two of them one time played.
    """
    is_begun = UNKNOWN not in (end, other_end)
    if one[0] == other[0] or not (one[1] or other[1]) or (is_begun and abs(end - other_end) > _ROUNDED_MS):
        return False
    both = [(_folded(mine), _folded(its)) for mine, its in zip(one[1:3], other[1:3], strict=True) if mine and its]
    if is_begun or counts:
        return not both or both[0][0] == both[0][1]
    return len(both) == 2 and all(mine == its for mine, its in both)


@lru_cache(1 << 10)
def _folded(name: str) -> str:
    """Letters and digits, without what names an edition or a guest: as in same_play.sql."""
    spelled = normalize("NFKC", normalize("NFKC", name[:_LETTERS]).casefold())
    return re.sub(r"[\W_]+", "", EDITION.sub("", spelled)) or spelled
