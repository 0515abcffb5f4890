"""Which gaps are open once an import is undone: those that it had closed, and those that needed its plays. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cli.commands.import_history.reading.coverage import Gap


@dataclass(frozen=True)
class Touched:
    """A gap, and what undoing an import means for it."""

    gap: Gap
    going_inside: int
    """Plays of the import between its ends: without them plays are missing there."""
    begins_with: datetime | None
    """The newest play before it that stays; None when the listener has no such play."""


@dataclass(frozen=True)
class Reopening:
    """`closed`: the rows of `closed_gaps` that go. `added` and `removed`: what that makes of the open gaps."""

    closed: list[Gap]
    added: list[Gap]
    removed: list[Gap]


def reopening(import_id: str, gaps: Sequence[Touched]) -> Reopening:
    """What is one gap again, because an import had closed a part of it only, becomes one row again.

    A gap that began with a play of the import begins with the newest play before it that stays. Where there is none,
    nothing was known before, and there is no gap.
    """
    closed = [
        touched
        for touched in gaps
        if touched.gap.import_id is not None and (touched.gap.import_id == import_id or touched.going_inside)
    ]
    before = [touched.gap for touched in gaps if touched.gap.import_id is None]
    open_again = [touched for touched in gaps if touched.gap.import_id is None or touched in closed]
    after = list(_joined([gap for touched in open_again for gap in _moved(touched)]))
    return Reopening(
        [touched.gap for touched in closed],
        [gap for gap in after if gap not in before],
        [gap for gap in before if gap not in after],
    )


def _moved(touched: Touched) -> Iterator[Gap]:
    if touched.begins_with is not None:
        yield replace(touched.gap, gap_start=touched.begins_with, import_id=None)


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
