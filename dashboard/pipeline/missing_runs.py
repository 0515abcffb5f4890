"""Finds due steps without a row in the ledger, although the step before had work for them.

Which hour counts as missing, and after how long, is decided in run_hours.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.run_hours import Hour


@dataclass(frozen=True)
class MissingRuns:
    """A row of hours in which a step was due and left no record: the first and the last of them."""

    step: str
    since: datetime
    last: datetime
    has_recovered: bool = False


def find_missing_runs(hours: Iterable[Hour]) -> list[MissingRuns]:
    """A step has recovered when it did its work in a later hour. Of an hour only the first step counts."""
    over: list[MissingRuns] = []
    lasting: dict[str, MissingRuns] = {}
    for hour in hours:
        for step, cell in hour.cells.items():
            if cell.state == "missing" and step == hour.bad_step:
                lasting[step] = replace(lasting.get(step, MissingRuns(step, hour.slot, hour.slot)), last=hour.slot)
            elif cell.state in ("succeeded", "skipped") and not cell.not_polled and step in lasting:
                over.append(replace(lasting.pop(step), has_recovered=True))
    return [*over, *lasting.values()]
