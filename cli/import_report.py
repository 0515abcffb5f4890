"""What became of every row of an import, for people and for programs. Pure, but for the printing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from cli.console import minute, print_json, print_table
from cli.export_reading import Reading
from cli.export_rows import KINDS
from cli.import_comparison import Comparison
from cli.warehouse import Row

_SHOWN = 10
_HEAD = "rows"


@dataclass
class Account:
    """`new`, `completed`, `known`, `refused` and what the reading left out or met twice add up to the files' rows."""

    listener: str
    reading: Reading
    comparison: Comparison
    dry_run: bool
    new: int = 0
    completed: int = 0
    known: int = 0
    refused: int = 0
    """Plays that were landed and that BigQuery did not take."""
    gaps_closed: int = 0
    runs: list[Row] = field(default_factory=list)

    def add(self, outcomes: Mapping[str, int]) -> None:
        self.new += outcomes.get("new", 0)
        self.completed += outcomes.get("completed", 0)
        self.known += outcomes.get("known", 0)

    @property
    def short(self) -> int:
        """Plays of the files that count nowhere."""
        return sum(not play.counts for play in self.reading.plays)

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        spans = self.reading.spans.values()
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None


def show(account: Account) -> None:
    """The table. Its numbers add up to the last line."""
    reading, comparison = account.reading, account.comparison
    print_table((_HEAD, "what became of them"), _lines(account))
    if account.span:
        first, last = account.span
        print(f"\nThe plays ended between {minute(first)} and {minute(last)} UTC.")
    if account.short:
        stored = "" if account.refused else "stored but "
        print(f"Heard for less than 30 seconds, so {stored}not counted: {account.short:,} of these plays.")
    if comparison.missing:
        print(
            f"Of {comparison.stored:,} plays that were stored of this time, {comparison.missing:,} are not in the "
            "export; they stay as they are."
        )
    if account.gaps_closed:
        gaps, are = ("gap", "is") if account.gaps_closed == 1 else ("gaps", "are")
        print(f"{account.gaps_closed:,} {gaps} {'would be' if account.dry_run else are} closed.")
    for row in reading.unreadable[:_SHOWN]:
        print(f"Unreadable: row {row.index} of {row.file}: {row.reason}.")
    if len(reading.unreadable) > _SHOWN:
        print(f"Unreadable: {len(reading.unreadable) - _SHOWN:,} more; --json lists them.")


def show_json(account: Account) -> None:
    print_json(as_json(account))


def as_json(account: Account) -> dict[str, Any]:
    reading, comparison, span = account.reading, account.comparison, account.span
    return {
        "listener": account.listener,
        "dry_run": account.dry_run,
        "rows": reading.rows,
        "new": account.new,
        "completed": account.completed,
        "known": account.known,
        "refused": account.refused,
        "repeats": reading.repeats,
        "left_out": {kind: reading.left_out[kind] for kind in KINDS},
        "short_plays": account.short,
        "first_played_at": span[0] if span else None,
        "last_played_at": span[1] if span else None,
        "stored_before": comparison.stored,
        "stored_but_not_in_export": comparison.missing,
        "gaps_closed": account.gaps_closed,
        "files": [{"name": name, "rows": rows} for name, rows in reading.rows_by_file.items()],
        "unreadable": [asdict(row) for row in reading.unreadable],
        "steps": account.runs,
    }


def _lines(account: Account) -> Sequence[tuple[str, str]]:
    reading, would_be = account.reading, "would be " if account.dry_run else ""
    lines = [
        (account.new, f"{would_be}stored: new plays"),
        (account.completed, f"{would_be}completed: stored from Spotify's API before, the time heard was not known"),
        (account.known, "already there"),
        (account.refused, "refused by BigQuery: in the quarantine bucket"),
        (reading.repeats, "more than once in the files"),
        *((reading.left_out[kind], f"left out: {kind}") for kind in KINDS),
    ]
    shown = [(f"{count:,}", words) for count, words in lines if count or words.endswith("new plays")]
    total = f"{reading.rows:,}"
    width = max(len(count) for count in (_HEAD, total, *(count for count, _ in shown)))
    return [(count.rjust(width), words) for count, words in [*shown, (total, "in the files")]]
