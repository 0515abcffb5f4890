"""What is left after a storm, and what a test may know of how it came about. Values only."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from localcloud.listeners.lives import Play
from tests.faults.scripted_life import ScriptedLife

Key = tuple[str, datetime, str]
"""listener_id, played_at, track_id."""
Row = dict[str, Any]


def key_of(play: Play) -> Key:
    return play.listener, play.played_at, play.track.id


def row_key(row: Row) -> Key:
    return row["listener_id"], row["played_at"], row["track_id"]


def as_exported(key: Key) -> Key:
    """An export gives whole seconds."""
    name, played_at, track = key
    return name, played_at.replace(microsecond=0), track


def described(key: Key) -> str:
    return f"{key[0]} {key[1]:%d %H:%M:%S.%f} {key[2]}"


def run_id_of(slot: datetime) -> str:
    return f"{slot.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def slot_of_run(run_id: str) -> datetime:
    return datetime.strptime(run_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@dataclass(frozen=True)
class Page:
    """One answer of recently-played that left the invented Spotify, whether or not it arrived."""

    listener: str
    at: datetime
    keys: frozenset[Key]
    oldest: datetime
    newest: datetime


@dataclass(frozen=True)
class Attempt:
    """One call of ingest for a slot. `status` is 0 when it was killed or its answer was lost."""

    slot: datetime
    status: int
    answer: dict[str, Any]
    pages: tuple[Page, ...]
    had_trouble: bool
    """Whether anything was out of order in this hour, or is still on its way from an earlier one."""

    @property
    def polled_pages(self) -> list[Page]:
        """The last page of each listener that the answer counts as polled."""
        last = {page.listener: page for page in self.pages} if self.status == 200 else {}
        listeners = self.answer.get("listeners", {})
        return [last[name] for name in last if listeners.get(name, {}).get("state") in ("collected", "nothing_new")]


@dataclass(frozen=True)
class Batch:
    batch_id: str
    state: str
    created_at: datetime
    ended_at: datetime
    """When it entered the state it is in."""
    as_of: datetime
    seen: frozenset[Key]
    """What `plays` held when it started to run."""


@dataclass
class Evidence:
    lives: dict[str, ScriptedLife]
    struck: Counter[str] = field(default_factory=Counter)
    """How often each kind of trouble found something to spoil."""
    attempts: list[Attempt] = field(default_factory=list)
    plays: list[Row] = field(default_factory=list)
    """As the owner has them: after `python -m cli repair`, where two loads ran at once."""
    plays_before_repair: list[Row] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    catalogue: list[Row] = field(default_factory=list)
    ledger: list[Row] = field(default_factory=list)
    landed: dict[str, str] = field(default_factory=dict)
    """Content of each object of the landing bucket, by name."""
    other_texts: list[str] = field(default_factory=list)
    """Everything else that people may read: logs, answers, quarantined objects, batches."""
    secrets: frozenset[str] = frozenset()
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By listener: the refresh token in Secret Manager, and the newest that Spotify gave."""
    imports: list[Row] = field(default_factory=list)
    went_with: dict[str, set[Key]] = field(default_factory=dict)
    """By import that was undone: the plays that were its alone before."""
    broken_commands: list[str] = field(default_factory=list)
    """Commands of the owner's that ended in no sentence, or did not do their work when all was calm."""
    batches: list[Batch] = field(default_factory=list)
    undelivered: dict[str, dict[str, int]] = field(default_factory=dict)
    top_tracks: list[Row] | None = None
    tracks: list[Row] | None = None
    """Both None where Spark did not run."""

    @property
    def truth(self) -> dict[Key, Play]:
        return {key_of(play): play for life in self.lives.values() for play in life.plays}

    def true_key(self, row: Row) -> Key:
        """The play that a row is of. A row of no play is as it stands."""
        return row_key(row) if row["source"] == "api" else self._by_second.get(row_key(row), row_key(row))

    @cached_property
    def _by_second(self) -> dict[Key, Key]:
        return {as_exported(key): key for key in self.truth}

    @cached_property
    def landed_rows(self) -> dict[str, list[dict[str, str]]]:
        """The lines of each run's file, read with Python's own CSV reader."""
        return {
            name.rpartition("/")[2].removesuffix(".csv"): list(csv.DictReader(io.StringIO(content, newline="")))
            for name, content in self.landed.items()
        }

    @cached_property
    def landed_keys(self) -> dict[str, set[Key]]:
        """The plays in each run's file."""
        return {
            run_id: {(row["listener_id"], datetime.fromisoformat(row["played_at"]), row["track_id"]) for row in rows}
            for run_id, rows in self.landed_rows.items()
        }

    @cached_property
    def landed_imports(self) -> dict[str, str]:
        """The import of each run whose file an import has landed."""
        return {
            run_id: rows[0]["import_id"]
            for run_id, rows in self.landed_rows.items()
            if rows and rows[0].get("import_id")
        }

    def rows_of(self, run_id: str, step: str, state: Any) -> list[Row]:
        return [row for row in self.ledger if (row["run_id"], row["step"], row["state"]) == (run_id, step, state)]

    @property
    def stored(self) -> set[Key]:
        return set(map(self.true_key, self.plays))

    @property
    def doubled(self) -> set[Key]:
        """Plays that had several rows before the repair, under one key or under the API's and an export's."""
        counts = Counter(map(self.true_key, self.plays_before_repair))
        return {key for key, count in counts.items() if count > 1}

    @property
    def live_imports(self) -> set[str]:
        return {row["import_id"] for row in self.imports if row["undone_at"] is None}

    @property
    def pages(self) -> list[Page]:
        return [page for attempt in self.attempts for page in attempt.pages]

    @property
    def promised(self) -> set[Key]:
        """What the runs were shown that came to their end and say they polled the listener: these must be stored."""
        return {key for attempt in self.attempts for page in attempt.polled_pages for key in page.keys}
