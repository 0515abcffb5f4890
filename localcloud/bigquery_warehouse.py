"""The DuckDB file that holds all of the laptop BigQuery: rows, metadata and jobs. Many readers, one writer at a time.

Whoever writes does all of it in one transaction, so that a stop at any point leaves everything or nothing.
"""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from localcloud.bigquery_errors import as_bigquery_error
from localcloud.clock import Clock

Cursor = duckdb.DuckDBPyConnection

_METADATA = """
CREATE SCHEMA IF NOT EXISTS localcloud;
CREATE TABLE IF NOT EXISTS localcloud.datasets (project VARCHAR, dataset VARCHAR, resource VARCHAR);
CREATE TABLE IF NOT EXISTS localcloud.tables (project VARCHAR, dataset VARCHAR, name VARCHAR, resource VARCHAR);
CREATE TABLE IF NOT EXISTS localcloud.jobs (resource VARCHAR);
"""


def nfkc_casefold(text: str) -> str:
    """NORMALIZE_AND_CASEFOLD(text, NFKC), which DuckDB lacks. Casing can undo a normal form, so it is made twice."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class Warehouse:
    """Cursors inside transactions. What DuckDB has to say against a statement leaves as an ApiError."""

    def __init__(self, directory: Path | None, clock: Clock) -> None:
        """Without a directory it is kept in memory only, and is empty at the next start."""
        file = ":memory:"
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
            file = str(directory / "warehouse.duckdb")
        self.clock = clock
        self._writer = threading.Lock()
        self._idle: list[Cursor] = []
        self._database = duckdb.connect(file)
        # One thread: for statements of milliseconds more of them cost more than they bring.
        self._database.execute("SET GLOBAL TimeZone = 'UTC'; SET threads = 1")
        self._database.execute(_METADATA)
        self._database.create_function(nfkc_casefold.__name__, nfkc_casefold)

    def close(self) -> None:
        with self._writer:
            self._database.remove_function(nfkc_casefold.__name__)
            for connection in (*self._idle, self._database):
                connection.close()

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """A cursor that sees one state of everything."""
        with self._cursor() as cursor:
            try:
                yield cursor
            finally:
                cursor.rollback()

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        """The only writer's cursor; what it did is kept when the block ends without an exception."""
        with self._writer, self._cursor() as cursor:
            try:
                yield cursor
            except BaseException:
                cursor.rollback()
                raise
            cursor.commit()

    @contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        """One that is idle, or a new one: making them takes longer than many a query."""
        cursor = self._idle.pop() if self._idle else self._database.cursor()
        try:
            cursor.begin()
            yield cursor
        except BaseException as error:
            cursor.close()
            if isinstance(error, duckdb.Error):
                raise as_bigquery_error(error) from error
            raise
        self._idle.append(cursor)

    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)
