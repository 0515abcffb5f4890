"""Prints the result of an import as a table or as JSON: what became of every row."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from cli import console
from cli.commands.import_history.comparison import Comparison
from cli.commands.import_history.reading import coverage
from cli.commands.import_history.reading.coverage import Closing, Gap
from cli.commands.import_history.reading.every_row import Reading
from cli.commands.import_history.reading.plays import to_instant
from cli.commands.import_history.reading.spotify_rows import KINDS
from cli.console import counted, minute, print_counts, print_json
from cli.warehouse import Row

_SHOWN = 10


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
    opened: Gap | None = None
    """Between the newest of the plays and the first page that was ever stored."""
    closings: list[Closing] = field(default_factory=list)
    doubt: str = ""
    """Why the files may be another person's."""
    runs: list[Row] = field(default_factory=list)

    def add(self, outcomes: Mapping[str, int]) -> None:
        self.new += outcomes.get("new", 0)
        self.completed += outcomes.get("completed", 0)
        self.known += outcomes.get("known", 0)

    def plan_closings(
        self,
        gaps: Sequence[Gap],
        stored: Sequence[tuple[int, int]],
        first_page: coverage.FirstPage | None,
        opened: Gap | None,
    ) -> None:
        """What becomes of the gaps, also of the one that this import opens."""
        self.opened = opened
        if not self.reading.lacks_videos:
            known = [*gaps, opened] if opened else gaps
            self.closings = coverage.closings(known, self.reading.files, stored, first_page)

    @property
    def gaps_closed(self) -> int:
        return sum(not closing.left and closing.gap != self.opened for closing in self.closings)

    @property
    def gap_opened(self) -> Gap | None:
        """None where the files hold everything up to that page."""
        return None if any(closing.gap == self.opened for closing in self.closings) else self.opened

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        plays = self.reading.plays
        return (plays[0].played_at, plays[-1].played_at) if plays else None


def show(account: Account) -> None:
    """The table. Its numbers add up to the last line."""
    reading, comparison = account.reading, account.comparison
    would_be, became = ("they would be ", "would become") if account.dry_run else ("", "became")
    print_counts(("rows", f"what {became} of them"), _lines(account))
    if account.span:
        first, last = account.span
        console.show(f"\nThe plays ended between {minute(first)} and {minute(last)} UTC.")
    if reading.short:
        stored = "" if account.refused else f"{would_be}stored but "
        console.show(f"Played for less than 30 seconds, so {stored}not counted: {counted(reading.short, 'play')}.")
    if reading.unmeasured:
        console.show(
            f"Longer than any track lasts, so {would_be}stored without the time played and not counted: "
            f"{counted(reading.unmeasured, 'play')}."
        )
    if reading.emptied:
        columns = ", ".join(f"{name} in {counted(count, 'row')}" for name, count in reading.emptied.items())
        console.show(f"Out of the column's bounds, so {would_be}stored without the value: {columns}.")
    if comparison.missing:
        console.show(
            f"Stored before in this time: {counted(comparison.stored, 'play')}. Not in the export, and kept as stored: "
            f"{comparison.missing:,}."
        )
    _print_gaps(account)
    if reading.lacks_videos or coverage.packages_without_a_video(reading.files):
        console.show(
            "A file of videos, or a folder that may have one, is missing or was not read to its end. It may hold music "
            "of any time, so the files beside it close no gap."
        )
    _print_unread(reading)
    if account.doubt and account.dry_run:
        console.show(f"{account.doubt} The import will ask.")


def _print_unread(reading: Reading) -> None:
    for row in reading.unreadable[:_SHOWN]:
        console.show(f"Unreadable: row {row.index} of {row.file}: {row.reason}.")
    if (more := reading.left_out["unreadable"] - _SHOWN) > 0:
        console.show(f"Unreadable: {more:,} more; --json lists the first thousand.")
    for file in reading.unread[:_SHOWN]:
        console.show(f"Not read: {file.name} {file.reason}.")
    if (more := len(reading.unread) - _SHOWN) > 0:
        console.show(f"Not read: {more:,} more; --json lists them.")


def _print_gaps(account: Account) -> None:
    if gap := account.gap_opened:
        console.show(
            f"{'Would open' if account.dry_run else 'Opened'} a gap from {minute(gap.gap_start)} to "
            f"{minute(gap.gap_end)} UTC: plays may be missing between the export and the first page of Spotify's API. "
            "A later export from Spotify closes it."
        )
    if count := account.gaps_closed:
        console.show(f"{'Would close' if account.dry_run else 'Closed'} {counted(count, 'gap')}.")
    for closing in account.closings:
        if closing.left:
            first, last = minute(closing.gap.gap_start), minute(closing.gap.gap_end)
            left = ", ".join(" to ".join(minute(to_instant(edge)) for edge in span) for span in closing.left)
            console.show(
                f"Of the gap from {first} to {last} UTC, this stays open: {left}. A file may be missing "
                "there, or the listener paused for longer than usual."
            )


def show_json(account: Account) -> None:
    reading, comparison, span, gap = account.reading, account.comparison, account.span, account.gap_opened
    result = {
        "listener": account.listener,
        "dry_run": account.dry_run,
        "rows": reading.rows,
        "new": account.new,
        "completed": account.completed,
        "known": account.known,
        "refused": account.refused,
        "repeats": reading.repeats,
        "left_out": {kind: reading.left_out[kind] for kind in KINDS},
        "short_plays": reading.short,
        "unmeasured_plays": reading.unmeasured,
        "emptied": reading.emptied,
        "first_played_at": span[0] if span else None,
        "last_played_at": span[1] if span else None,
        "stored_before": comparison.stored,
        "stored_but_not_in_export": comparison.missing,
        "gap_opened": {"gap_start": gap.gap_start, "gap_end": gap.gap_end} if gap else None,
        "gaps_closed": account.gaps_closed,
        "gaps_left": [
            {"gap_start": to_instant(start), "gap_end": to_instant(end)}
            for closing in account.closings
            for start, end in closing.left
        ],
        "doubt": account.doubt or None,
        "files": [{"name": name, "rows": rows} for name, rows in reading.rows_by_file.items()],
        "unreadable": [asdict(row) for row in reading.unreadable],
        "unread": [asdict(file) for file in reading.unread],
        "steps": account.runs,
    }
    print_json(result)


def _lines(account: Account) -> list[tuple[int, str]]:
    reading, would_be = account.reading, "would be " if account.dry_run else ""
    others = [
        (account.completed, f"{would_be}completed: stored from Spotify's API before, the time played was not known"),
        (account.known, "already there"),
        (account.refused, "refused by BigQuery: in the quarantine bucket"),
        (reading.repeats, "more than once in the files"),
        *((reading.left_out[kind], f"left out: {kind}") for kind in KINDS),
    ]
    shown = [(count, words) for count, words in others if count]
    return [(account.new, f"{would_be}stored: new plays"), *shown, (reading.rows, "in the files")]
