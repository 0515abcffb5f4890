"""State of all services but BigQuery, without object contents: one SQLite file, so that a restart loses nothing."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# A killed process loses nothing with these; only a power cut may cost the last moments.
_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON")


class State:
    """Shared by all services. `lock` keeps all other threads away, for work that also touches files."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # secret payloads are in here; SQLite gives its side files the same mode
        self.lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        for pragma in _PRAGMAS:
            self._db.execute(f"PRAGMA {pragma}")
        self.create("CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")

    def create(self, *statements: str) -> None:
        """Create a service's tables, where they are missing."""
        with self.transaction() as db:
            for statement in statements:
                db.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, one at a time; a transaction inside another joins it."""
        with self.lock:
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def rows(self, select: str, *values: Any) -> list[sqlite3.Row]:
        """What a SELECT finds, as the transaction sees it that it may be in."""
        with self.transaction() as db:
            return db.execute(select, values).fetchall()

    def next_number(self, name: str, at_least: int = 1) -> int:
        """A number larger than all before it under this name, also after a restart and when a clock was put back."""
        upsert = "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = max(value + 1, excluded.value)"
        with self.transaction() as db:
            row = db.execute(f"{upsert} RETURNING value", (name, at_least)).fetchone()
        return int(row["value"])

    def scrub(self) -> None:
        """Leave nothing on disk of what was overwritten or deleted."""
        with self.lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self.lock:
            self._db.close()
