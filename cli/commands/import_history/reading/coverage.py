"""In which stretches an export holds every play, and what is left of a gap when it is stored. Pure.

Spotify cuts a history into numbered files by time. So a file holds everything between its plays, and two files of one
package hold everything between them when their numbers follow each other. Evidence is missing, and a gap stays open,

- between files whose numbers do not follow each other, or that have none: one in between may be missing;
- where a row stands that cannot be stored;
- in a pause longer than the listener usually makes;
- in a file that is not in the order of time: others may hold plays of the same hours;
- in a file that `export` has written in Spotify's form: it holds what was stored;
- in a file of videos: the music of those hours is in other files;
- anywhere, when a number is missing among the files of videos: music videos are of any time;
- where the export holds no play inside the gap, or lacks the plays around it that are stored: it is not whole there.

docs/decisions/0024 says why.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import NamedTuple

import numpy as np

from cli.commands.import_history.reading.every_row import FilePlays
from cli.commands.import_history.reading.plays import Column, to_ms

Span = tuple[int, int]
"""From an instant to an instant, in milliseconds since 1970."""

APART_MS = 90_000
"""How far apart the two ends may lie that Spotify's API and its export give of one play."""

# Shorter pauses are part of a session; the longer ones show the listener's habit.
_BREAK_MS = 30 * 60_000
_ALWAYS_USUAL_MS = 12 * 3_600_000  # a night
_ENOUGH_BREAKS = 20
_NEAR_MS = 24 * 3_600_000
_WEEK_MS = 7 * _NEAR_MS


@dataclass(frozen=True)
class Gap:
    """A row of the table gaps, of one listener; with its import one of closed_gaps."""

    gap_start: datetime
    gap_end: datetime
    run_id: str
    detected_at: datetime
    import_id: str | None = None


@dataclass(frozen=True)
class Closing:
    """A gap that an export closes, or makes smaller: which parts of it are closed, and which are left open."""

    gap: Gap
    closed: list[Span]
    left: list[Span]


class FirstPage(NamedTuple):
    """The first page of the API that was stored or landed of a listener: its oldest play, and the run."""

    played_at: datetime
    track_id: str
    run_id: str


class TrackTimes:
    """When which track was played: pairs of an instant and a hash of the track id."""

    def __init__(self, plays: Iterable[tuple[int, int]]) -> None:
        self._times: dict[int, array[int]] = defaultdict(lambda: array("q"))
        for instant, track in sorted(plays):
            self._times[track].append(instant)

    def has(self, instant: int, track: int) -> bool:
        """Whether a play of this track ended at about this instant."""
        times = self._times.get(track, ())
        first = bisect_left(times, instant - APART_MS)
        return first < len(times) and times[first] <= instant + APART_MS


def usual_pause_ms(files: Iterable[FilePlays]) -> int:
    """The longest usual pause between plays: of twenty breaks, one is longer. At least a night."""
    pauses = np.diff(_instants(files))
    breaks = np.sort(pauses[pauses >= _BREAK_MS])
    if len(breaks) < _ENOUGH_BREAKS:
        return _ALWAYS_USUAL_MS
    return max(_ALWAYS_USUAL_MS, int(breaks[len(breaks) * 19 // 20]))


def stretches(files: Sequence[FilePlays]) -> list[Span]:
    """The time of which the files are, whichever file a play is in. Weeks without a play are not of it."""
    return _without_long_pauses(_instants(files), set(), max(_WEEK_MS, usual_pause_ms(files)))


def closings(
    gaps: Iterable[Gap],
    files: Sequence[FilePlays],
    stored: Sequence[tuple[int, int]],
    first_page: FirstPage | None = None,
) -> list[Closing]:
    """What becomes of the gaps once the plays of the files are stored. Gaps that stay as they are are left out.

    `stored`: instant and track of plays that were stored before, the oldest first; those around the gaps are enough.
    A gap up to `first_page` that no run recorded was opened by an import. Files that reach across it and have no play
    inside show that nothing is missing, and close it.
    """
    files = [file for file in files if not file.is_own_export]
    spans = {gap: (to_ms(gap.gap_start), to_ms(gap.gap_end)) for gap in gaps}
    if not spans:
        return []
    whole, by_end = covered(files), _by_end(files)
    first = min(start for start, _ in spans.values()) - _NEAR_MS - APART_MS
    last = max(end for _, end in spans.values()) + _NEAR_MS + APART_MS
    plays = (play for file in files for play in zip(file.ends.tolist(), file.tracks, strict=True))
    exported = TrackTimes(play for play in plays if first <= play[0] <= last)
    found = []
    for gap, span in spans.items():
        near = stored[bisect_left(stored, (span[0] - _NEAR_MS,)) : bisect_right(stored, (span[1] + _NEAR_MS,))]
        expected = [play for play in near if any(start <= play[0] <= end for start, end in whole)]
        if sum(exported.has(*play) for play in expected) * 2 >= len(expected):
            closed = list(_closed(span, whole, *by_end))
            if not closed and first_page and first_page.played_at == gap.gap_end and first_page.run_id != gap.run_id:
                is_held = any(start <= span[0] and span[1] - APART_MS <= end for start, end in whole)
                closed = [span] if is_held else []
            edges = [span[0], *chain.from_iterable(closed), span[1]]
            left = [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
            found += [Closing(gap, closed, left)] if closed else []
    return found


def covered(files: Sequence[FilePlays]) -> list[Span]:
    """The stretches in which the files hold every play: from a play to a play, sorted."""
    usual = usual_pause_ms(files)
    lacking = packages_without_a_video(files)
    music = [
        file
        for file in files
        if not file.is_video and file.package not in lacking and bool(np.all(np.diff(file.instants) >= 0))
    ]
    whole = [file for file in music if not any(_lacks(file, other) for other in music if other is not file)]
    spans = [span for chain in _chains(whole, files) for span in _without_long_pauses(*_joined(chain), usual)]
    return sorted(spans)


def packages_without_a_video(files: Iterable[FilePlays]) -> set[str]:
    """Where the files of videos have numbers that do not count from 0: one of them is missing."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for file in files:
        if file.is_video and file.number is not None:
            numbers[file.package].add(file.number)
    return {package for package, there in numbers.items() if max(there) >= len(there)}


def _lacks(file: FilePlays, other: FilePlays) -> bool:
    """Whether the other file has a play between the first and the last of this one that this one has not."""
    if not file.instants:
        return False
    inside = range(bisect_right(other.instants, file.instants[0]), bisect_left(other.instants, file.instants[-1]))
    if not inside:
        return False
    mine = set(zip(file.instants, file.tracks, strict=True))
    return any((other.instants[index], other.tracks[index]) not in mine for index in inside)


def _chains(whole: Sequence[FilePlays], files: Sequence[FilePlays]) -> Iterator[list[FilePlays]]:
    """Files between which nothing can be missing: of one package, with numbers and times that follow each other."""
    times_named = Counter((file.package, file.number) for file in files if not file.is_video)
    chain: list[FilePlays] = []
    for file in sorted(whole, key=lambda file: (file.package, -1 if file.number is None else file.number)):
        if chain and not _follows(file, chain[-1], times_named):
            yield chain
            chain = []
        chain.append(file)
    if chain:
        yield chain


def _follows(file: FilePlays, before: FilePlays, times_named: Mapping[tuple[str, int | None], int]) -> bool:
    return (
        file.package == before.package
        and file.number is not None
        and before.number is not None
        and file.number == before.number + 1
        and times_named[file.package, file.number] == times_named[before.package, before.number] == 1
    )


def _joined(chain: Sequence[FilePlays]) -> tuple[Column, set[int]]:
    """The instants of all of them and the positions of doubts."""
    instants, doubts, length = list[Column](), set[int](), 0
    for file in chain:
        doubts |= {length + position for position in file.doubts}
        instants.append(np.array(file.instants))
        length += len(file.instants)
    return np.concatenate(instants), doubts


def _without_long_pauses(instants: Column, doubts: AbstractSet[int], usual: int) -> list[Span]:
    if not len(instants):
        return []
    pauses = np.diff(instants)
    begins = np.r_[True, (pauses < 0) | (pauses > usual)]
    begins[[position for position in doubts if position < len(begins)]] = True
    first = np.flatnonzero(begins)
    last = np.r_[first[1:], len(instants)] - 1
    return list(zip(instants[first].tolist(), instants[last].tolist(), strict=True))


def _closed(gap: Span, whole: Iterable[Span], ends: Column, instants: Column) -> Iterator[Span]:
    """The parts of the gap in a stretch with a play inside. Ends are drawn in: the API's clock is not the export's.

    With a trip offline at the end of a stretch, the next file can have some of its plays.
    """
    at = gap[0]
    for first, last in whole:
        start, end = max(first + APART_MS, at), min(last - APART_MS, gap[1])
        inside = max(start, gap[0] + APART_MS), min(end, gap[1] - APART_MS)
        reported = instants[np.searchsorted(ends, inside[0]) : np.searchsorted(ends, inside[1], "right")]
        if start < end and len(reported) and reported.max() <= last - APART_MS:
            yield start, end
            at = end


def _by_end(files: Iterable[FilePlays]) -> Column:
    """When the plays ended, in that order, and the `ts` of each."""
    columns = [np.array([file.ends, file.instants]) for file in files]
    plays = np.concatenate(columns or [np.empty((2, 0), np.int64)], axis=1)
    return plays[:, np.argsort(plays[0])]


def _instants(files: Iterable[FilePlays]) -> Column:
    return np.sort(np.concatenate([np.array(file.instants) for file in files] or [np.array([], np.int64)]))
