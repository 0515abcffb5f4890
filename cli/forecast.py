"""Foretells what load will make of the plays of an export, from what is stored now. Pure.

The rule, in words, is in functions/load/same_play.py; load's MERGE applies it when the plays arrive, and only that
counts. A test holds the two against each other.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from cli.export_rows import ExportedPlay

APART = timedelta(seconds=90)
"""How far apart the two ends of one play may lie."""

Fate = Literal["new", "completed", "known"]
Names = tuple[str, str]


@dataclass(frozen=True, slots=True)
class StoredPlay:
    """A row of `plays` of the listener, as far as the rule needs it. An export's row needs no names."""

    played_at: datetime
    track_id: str
    source: str
    ms_played: int | None
    track_name: str | None = None
    artist_name: str | None = None


@dataclass(frozen=True)
class Forecast:
    """`fates`: what becomes of each play, in their order."""

    fates: list[Fate]
    stored: int
    """Plays that are stored in the stretches the export covers."""
    missing: int
    """Those of them that the export lacks: there should be none, it holds everything."""

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.fates)


def forecast(
    plays: Sequence[ExportedPlay], stored: Sequence[StoredPlay], spans: Sequence[tuple[datetime, datetime]]
) -> Forecast:
    """`spans`: the stretches in which the export holds everything."""
    by_key = {(row.played_at, row.track_id): row for row in stored}
    partners = {index: by_key.get((play.played_at, play.track_id)) for index, play in enumerate(plays)}
    partners |= _pairs(plays, partners, stored)
    found = {id(row) for row in partners.values() if row is not None}
    covered = [row for row in stored if any(first <= row.played_at <= last for first, last in spans)]
    missing = sum(id(row) not in found for row in covered)
    return Forecast([_fate(partners[index]) for index in range(len(plays))], len(covered), missing)


def _fate(partner: StoredPlay | None) -> Fate:
    if partner is None:
        return "new"
    return "completed" if partner.source == "api" and partner.ms_played is None else "known"


def _pairs(
    plays: Sequence[ExportedPlay], settled: Mapping[int, StoredPlay | None], stored: Sequence[StoredPlay]
) -> dict[int, StoredPlay]:
    """Plays and stored rows whose keys differ, each the other's nearest."""
    taken = {id(row) for row in settled.values() if row is not None}
    free = _Index(row for row in stored if row.source == "api" and id(row) not in taken)
    edges = [
        edge
        for index, play in enumerate(plays)
        if settled[index] is None and play.counts
        for edge in _edges(index, play, free)
    ]
    edges.sort(key=lambda edge: edge.rank)
    of_play: dict[int, _Edge] = {}
    of_row: dict[int, _Edge] = {}
    for edge in edges:
        of_play.setdefault(edge.index, edge)
        of_row.setdefault(id(edge.row), edge)
    return {index: edge.row for index, edge in of_play.items() if of_row[id(edge.row)] is edge}


@dataclass(frozen=True, slots=True)
class _Edge:
    """A play and a row that could be one. The smaller `rank`, the nearer."""

    index: int
    row: StoredPlay
    rank: tuple[Any, ...]


class _Index:
    """Stored rows by what two tellings of a play have in common, the oldest first."""

    def __init__(self, rows: Iterable[StoredPlay]) -> None:
        self._rows: dict[str | Names, list[StoredPlay]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.played_at):
            self._rows[row.track_id].append(row)
            if names := _names(row):
                self._rows[names].append(row)

    def near(self, common: str | Names, instant: datetime) -> list[StoredPlay]:
        rows = self._rows.get(common, [])
        first = bisect_left(rows, instant - APART, key=lambda row: row.played_at)
        return rows[first : bisect_right(rows, instant + APART, key=lambda row: row.played_at)]


def _edges(index: int, play: ExportedPlay, free: _Index) -> Iterator[_Edge]:
    names = _names(play)
    for row in free.near(play.track_id, play.played_at):
        yield from _edge(index, play, row, by_name=False)
    for row in free.near(names, play.played_at) if names else []:
        if row.track_id != play.track_id:
            yield from _edge(index, play, row, by_name=True)


def _edge(index: int, play: ExportedPlay, row: StoredPlay, *, by_name: bool) -> Iterator[_Edge]:
    if row.ms_played in (None, play.ms_played):
        apart = abs(play.played_at - row.played_at)
        yield _Edge(index, row, (by_name, apart, play.played_at, row.played_at, play.track_id, row.track_id))


def _names(play: ExportedPlay | StoredPlay) -> Names | None:
    if play.track_name is None or play.artist_name is None:
        return None
    return play.track_name.lower(), play.artist_name.lower()
