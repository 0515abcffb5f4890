"""Steps that died without a word: the ledger has no row of them, although the step before had work for them.

Which hour counts as missing, and after how long, is decided in run_hours.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.run_hours import Hour


@dataclass(frozen=True)
class Silence:
    """A row of hours in which a step was due and left no record: the first and the last of them."""

    step: str
    since: datetime
    last: datetime
    has_recovered: bool = False


def silences(hours: Iterable[Hour]) -> list[Silence]:
    """A step has recovered when it did its work in a later hour. Of an hour only the first step is told."""
    over: list[Silence] = []
    lasting: dict[str, Silence] = {}
    for hour in hours:
        for step, cell in hour.cells.items():
            if cell.state == "missing" and step == hour.bad_step:
                lasting[step] = replace(lasting.get(step, Silence(step, hour.slot, hour.slot)), last=hour.slot)
            elif cell.state in ("succeeded", "skipped") and not cell.unasked and step in lasting:
                over.append(replace(lasting.pop(step), has_recovered=True))
    return [*over, *lasting.values()]
