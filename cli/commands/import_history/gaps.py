"""Moves gaps between the tables `gaps` and `closed_gaps`. Stopped half way, a gap is in both: open, and no play is lost
without a trace."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import attrgetter

from google.cloud import bigquery

from cli.commands.import_history import landing
from cli.commands.import_history.reading.coverage import APART_MS, Closing, FirstPage, Gap, Span
from cli.commands.import_history.reading.plays import to_instant
from cli.commands.import_history.reading.spotify_rows import ExportedPlay
from cli.commands.import_history.records import Import
from cli.place import Place
from cli.warehouse import Row, Warehouse, instants, string, structs

_moment_of = attrgetter("played_at", "track_id")


@dataclass(frozen=True)
class Reopening:
    closed: list[Gap]
    """The rows of `closed_gaps` that go."""
    added: list[Gap]
    """Open gaps that come."""
    removed: list[Gap]
    """Open gaps that go, also those of which one of `added` is a longer or shorter form."""
    again: list[Gap]
    """The open gaps that contain one of `closed`."""
    alone: list[Gap]
    """Those of `added` that contain neither a closed gap nor an open one."""
    moved: list[tuple[Gap, Gap | None]]
    """Other rows of `closed_gaps`, and as what they stay; None: not at all."""


def find_reopened(warehouse: Warehouse, listener: str, import_id: str) -> Reopening:
    """What undoing the import makes of the listener's gaps, from what is stored now.

    What is one gap again, because an import had closed a part of it only, becomes one row again.
    """
    who = string("listener_id", listener), string("import_id", import_id)
    # Stretches in and before the gaps that have plays of the import behind one that stays. So a gap that began with a
    # play of the import begins with the newest one before it that stays; where another import keeps it closed, what
    # lies before it opens alone. Where nothing stays before a gap, nothing was known there: what is left of it is what
    # comes after the oldest play inside it. Plays that an earlier undo took may be missing behind that one.
    missing = [Gap(**dict(row)) for row in warehouse.run("missing_after_undo", *who)]
    gaps = list(_gaps_after(warehouse.run("gaps_of_undo", *who)))
    closed = [gap for gap, _, loses_plays in gaps if gap.import_id and (gap.import_id == import_id or loses_plays)]
    before = [gap for gap, *_ in gaps if gap.import_id is None]
    again = [replace(later, import_id=None) for gap, later, _ in gaps if later and gap in closed]
    still = [later for _, later, _ in gaps if later and later.import_id is None]
    after = list(_joined([*again, *still, *missing]))
    alone = set(_joined(missing)).difference(again, still)
    return Reopening(
        closed,
        [gap for gap in after if gap not in before],
        [gap for gap in before if gap not in after],
        [gap for gap in after if any(_contains(gap, part) for part in again)],
        [gap for gap in after if gap in alone],
        [(gap, later) for gap, later, _ in gaps if gap.import_id and gap not in closed and later != gap],
    )


def _joined(gaps: Sequence[Gap]) -> Iterator[Gap]:
    """Parts of what one run noticed that touch each other are one gap."""
    of_run: dict[str, list[Gap]] = defaultdict(list)
    for gap in sorted(gaps, key=lambda gap: (gap.gap_start, gap.gap_end)):
        parts = of_run[gap.run_id]
        if parts and gap.gap_start <= parts[-1].gap_end:
            parts[-1] = replace(parts[-1], gap_end=max(parts[-1].gap_end, gap.gap_end))
        else:
            parts.append(gap)
    for parts in of_run.values():
        yield from parts


def _contains(gap: Gap, part: Gap) -> bool:
    return gap.run_id == part.run_id and gap.gap_start <= part.gap_start and part.gap_end <= gap.gap_end


def _gaps_after(rows: Iterable[Row]) -> Iterator[tuple[Gap, Gap | None, bool]]:
    """A gap, what it is once the import is undone (None: nothing is known before its end), and whether it loses plays.

    `rows`: the oldest gap first. A gap that began with a play that goes needs one before it that stays. So
    does one that began with a play that has gone: that lies in a gap, which needs one as well. Others can begin with a
    play that is still on its way, also where another gap ends with it.
    """
    unknown: Gap | None = None
    for row in rows:
        gap = Gap(row["gap_start"], row["gap_end"], row["run_id"], row["detected_at"], row["import_id"])
        is_after_such = unknown is not None and (
            gap.gap_start < unknown.gap_end or (gap.gap_start == unknown.gap_end and gap.run_id == unknown.run_id)
        )
        begins_with = gap.gap_start
        if not row["staying_before"] and (row["going_at_start"] or row["is_of_undone"] or is_after_such):
            begins_with = row["staying_inside"]
            unknown = gap if unknown is None or gap.gap_end > unknown.gap_end else unknown
        yield gap, replace(gap, gap_start=begins_with) if begins_with else None, bool(row["going_inside"])


def fetch(warehouse: Warehouse, listener: str) -> list[Gap]:
    return [Gap(**dict(row)) for row in warehouse.run("gaps_of_listener", string("listener_id", listener))]


def reopen(warehouse: Warehouse, listener: str, found: Reopening) -> None:
    if found.added or found.removed:
        _change_open(warehouse, listener, found.added, found.removed)
    gone = [(gap, string("import_id", None)) for gap in (*found.closed, *(gap for gap, _ in found.moved))]
    moved = [(gap, string("import_id", gap.import_id)) for _, gap in found.moved if gap]
    if gone:
        _change(warehouse, "closed_gaps", listener, [*gone, *moved])


def before_the_first_page(
    place: Place, warehouse: Warehouse, listener: str, plays: Sequence[ExportedPlay]
) -> tuple[FirstPage | None, Gap | None]:
    """The first page that was ever stored or landed, and the gap to it from the newest of the import's plays: nothing
    was known before that page, so ingest has recorded no gap.

    No gap where an import has recorded one, or a play is stored that is newer than the import's, nor where a file of
    `export` has the page's oldest play from the API: the page overlaps what it holds.
    """
    now = place.now()
    # Before the statement: what is loaded between the two is seen twice, and not never.
    landed = landing.oldest_on_its_way(place, listener)
    on_its_way = (
        string("landed_track_id", landed and landed.track_id),
        string("landed_run_id", landed and landed.run_id),
        *instants(landed_at=landed and landed.played_at),
    )
    for page in warehouse.run("first_page", string("listener_id", listener), *on_its_way):
        first, apart = FirstPage(page.played_at, page.track_id, page.run_id), timedelta(milliseconds=APART_MS)
        moment = _moment_of(first)
        at = bisect_left(plays, moment, key=_moment_of)
        before = (
            play.played_at
            for play in reversed(plays[:at])
            if play.played_at < page.played_at
            and (play.track_id != page.track_id or play.played_at < page.played_at - apart)
        )
        newest = next(before, None)
        same = [play for play in plays[at : at + 1] if _moment_of(play) == moment]
        overlaps = same and landing.values_of(same[0], listener)["source"] == "api"
        if newest and not overlaps and not page.gaps and (page.newest_before is None or newest >= page.newest_before):
            return first, Gap(newest, page.played_at, "", now)
        return first, None
    return None, None


def open_before_the_plays(warehouse: Warehouse, started: Import, gap: Gap | None) -> Gap | None:
    """An import that is stopped has its gap already. The gap names the import: undoing the one takes back the other."""
    if gap is None:
        return None
    opened = replace(gap, run_id=started.import_id)
    _change_open(warehouse, started.listener, [opened], [], started)
    return opened


def close(warehouse: Warehouse, started: Import, closings: Sequence[Closing]) -> None:
    """Take the gaps away, and put what is left of them in their place; the import keeps closed what it fills."""
    if not closings:
        return
    filled = [_part(closing.gap, span) for closing in closings for span in closing.closed]
    left = [_part(closing.gap, span) for closing in closings for span in closing.left]
    by_import = string("import_id", started.import_id)
    _change(warehouse, "closed_gaps", started.listener, [(gap, by_import) for gap in filled], started)
    _change_open(warehouse, started.listener, left, [closing.gap for closing in closings], started)


def _part(gap: Gap, span: Span) -> Gap:
    return replace(gap, gap_start=to_instant(span[0]), gap_end=to_instant(span[1]))


def _change_open(
    warehouse: Warehouse, listener: str, added: Sequence[Gap], removed: Sequence[Gap], started: Import | None = None
) -> None:
    is_open, is_closed = (bigquery.ScalarQueryParameter("is_open", "BOOL", value) for value in (True, False))
    changes = [*((gap, is_closed) for gap in removed), *((gap, is_open) for gap in added)]
    _change(warehouse, "gaps", listener, changes, started)


def _change(
    warehouse: Warehouse,
    table: str,
    listener: str,
    changes: Sequence[tuple[Gap, bigquery.ScalarQueryParameter]],
    started: Import | None = None,
) -> None:
    """@changes: ARRAY<STRUCT<gap_start, gap_end, run_id, detected_at, and what becomes of it>>.

    Each stretch once, with its last change: gaps that lie over each other can have a part in common. `started`: the
    import that changes them, unless it was undone meanwhile.
    """
    last = {(gap.gap_start, gap.gap_end): (gap, becomes) for gap, becomes in changes}
    rows = (
        [
            *instants(gap_start=gap.gap_start, gap_end=gap.gap_end, detected_at=gap.detected_at),
            *(string("run_id", gap.run_id), becomes),
        ]
        for gap, becomes in last.values()
    )
    who = string("listener_id", listener), string("import_id", started.import_id if started else None)
    warehouse.run(f"change_{table}", *who, structs("changes", rows))
