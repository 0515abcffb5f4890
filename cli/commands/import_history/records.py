"""The table `imports`: which imports there were, what each found in its files, and which of them are undone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cli.console import CliError
from cli.warehouse import Warehouse, instants, integer, string
from slots import run_id_of


@dataclass(frozen=True)
class Import:
    """An import that has begun. Every play it stores and every time played that it brings carries its id."""

    import_id: str
    listener: str


def begin(
    warehouse: Warehouse,
    listener: str,
    now: datetime,
    files: Sequence[str],
    rows: int,
    span: tuple[datetime, datetime] | None,
) -> Import:
    """Record an import before its first play is landed. Its id is this second, or the next one that is free.

    `span`: the ends of the oldest and the newest play in the files.
    """
    begins_at = now.astimezone(UTC).replace(microsecond=0)
    first, last = span or (None, None)
    while True:
        import_id = run_id_of(begins_at)
        done = warehouse.run(
            "begin_import",
            *(string("import_id", import_id), string("listener_id", listener)),
            string("files", json.dumps(files, ensure_ascii=False)),
            *instants(started_at=now, first_played_at=first, last_played_at=last),
            integer("rows_in", rows),
        )
        if done.num_dml_affected_rows:
            return Import(import_id, listener)
        begins_at += timedelta(seconds=1)


def finish(warehouse: Warehouse, started: Import, now: datetime, new: int, completed: int, known: int) -> None:
    """Raises CliError when the import was undone while it was under way, or its listener forgotten."""
    done = warehouse.run(
        "finish_import",
        string("import_id", started.import_id),
        *instants(finished_at=now),
        *(integer("rows_new", new), integer("rows_completed", completed), integer("rows_known", known)),
    )
    if not done.num_dml_affected_rows:
        if started.import_id not in [record.import_id for record in fetch(warehouse)]:
            raise CliError(
                f"{started.listener} was forgotten while import {started.import_id} was under way. None of its plays "
                "stays. Run `forget` again to delete the files that it has landed meanwhile."
            )
        raise CliError(
            f"Import {started.import_id} was undone while it was under way. None of its plays stays. Undo it once more "
            "to delete the files that it has landed meanwhile."
        )


@dataclass(frozen=True)
class Record:
    """A row of `imports`, with what is left of the import now: plays, times played, closed gaps."""

    import_id: str
    listener_id: str
    started_at: datetime
    finished_at: datetime | None
    undone_at: datetime | None
    undo_finished_at: datetime | None
    files: list[str]
    first_played_at: datetime | None
    last_played_at: datetime | None
    rows_in: int
    rows_new: int | None
    rows_completed: int | None
    rows_known: int | None
    plays_left: int
    times_left: int
    gaps_left: int

    @property
    def added(self) -> int | None:
        """Plays that it stored or completed; None when it has not finished."""
        if self.rows_new is None or self.rows_completed is None:
            return None
        return self.rows_new + self.rows_completed

    @property
    def found_stored(self) -> int | None:
        """Plays that were stored before it came, also those that only lacked the time played; None as `added`."""
        if self.rows_known is None or self.rows_completed is None:
            return None
        return self.rows_known + self.rows_completed

    def overlaps(self, other: "Record") -> bool:
        """Whether the files of both have plays of the same time."""
        if not (self.first_played_at and self.last_played_at and other.first_played_at and other.last_played_at):
            return False
        return self.first_played_at <= other.last_played_at and other.first_played_at <= self.last_played_at


def fetch(warehouse: Warehouse) -> list[Record]:
    """Every import, the newest first."""
    return [Record(**{**row, "files": json.loads(row["files"])}) for row in map(dict, warehouse.run("imports"))]


def mark_undone(
    warehouse: Warehouse, import_id: str, *, undone_at: datetime | None = None, undo_finished_at: datetime | None = None
) -> None:
    """From `undone_at` on load leaves out the rows of the import. An earlier mark stays."""
    marks = instants(undone_at=undone_at, undo_finished_at=undo_finished_at)
    warehouse.run("mark_undone", string("import_id", import_id), *marks)
