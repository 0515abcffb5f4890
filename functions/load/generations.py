"""What the generations of one run's file came to, each alone and all together: the same in any order. Pure.

A file gets another generation when a repeat of its run adds plays, when it was mended by hand, when ingest sends it
again, and when a listener is forgotten. Each has jobs of its own, and one row of the ledger tells of them all.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a file."""

    rows_in: int
    listeners: int
    inserted: int
    completed: int
    """Plays that were stored from the other source and learned the rest from this file."""
    rows_refused: int
    outside: Mapping[str, int] = field(default_factory=dict)
    """By column: values that became NULL, because they lay outside the bounds of their column."""
    doubled: int = 0
    """Plays around those of the file that are stored twice. Earlier versions did not count them."""

    @property
    def rows_new(self) -> int:
        """Rows that `plays` holds anew: reason enough for another top ten."""
        return self.inserted + self.completed

    @property
    def details(self) -> dict[str, int]:
        """For the ledger: what became of the rows of the file, adding up to `rows_in`; and plays stored twice."""
        known = self.rows_in - self.rows_new
        doubled = {"doubled": self.doubled} if self.doubled else {}
        return {"new": self.inserted, "completed": self.completed, "known": known, **doubled}


NOTHING = Counts(0, 0, 0, 0, 0)
_NUMBERS = {each.name for each in fields(Counts)} - {"outside"}

Generations = Mapping[int, Counts]


def together(generations: Generations) -> Counts:
    """The fullest generation is the file; what each has stored is stored; what was refused, the newest says.

    Plays that one of them has found stored twice were so, whatever a later one finds.
    """
    counts, newest = generations.values(), generations[max(generations)]
    inserted, completed = sum(each.inserted for each in counts), sum(each.completed for each in counts)
    return Counts(
        # A file that was replaced by other plays may have stored more than it ever held.
        rows_in=max(inserted + completed, *(each.rows_in for each in counts)),
        listeners=max(each.listeners for each in counts),
        inserted=inserted,
        completed=completed,
        rows_refused=newest.rows_refused,
        outside=newest.outside,
        doubled=max(each.doubled for each in counts),
    )


def to_json(generations: Generations) -> dict[str, dict[str, int]]:
    return {str(generation): asdict(counts) for generation, counts in generations.items()}


def from_json(details: Any) -> dict[int, Counts]:
    """From a row's details. Rows of earlier versions do not tell their generations; what is none is left out."""
    told = details.get("generations") if isinstance(details, dict) else None
    if not isinstance(told, dict):
        return {}
    return {int(generation): Counts(**counts) for generation, counts in told.items() if _is_one(generation, counts)}


def _is_one(generation: str, counts: Any) -> bool:
    if not generation.isdecimal() or not isinstance(counts, dict):
        return False
    outside = counts.get("outside", {})
    numbers = {"doubled": 0} | {name: count for name, count in counts.items() if name != "outside"}
    return (
        numbers.keys() == _NUMBERS
        and isinstance(outside, dict)
        and all(type(count) is int for count in (*numbers.values(), *outside.values()))
    )
