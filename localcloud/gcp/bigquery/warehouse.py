# ruff: noqa: S608 -- names are literals, values are parameters
"""The DuckDB file that holds all of the laptop BigQuery: rows, metadata and jobs. Many readers, one writer at a time.

A writer does all of its work in one transaction, so that a stop at any point leaves everything or nothing.
"""

import atexit
import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import duckdb

from localcloud.clock import Clock
from localcloud.web import ApiError


@lru_cache(1_000)
def _parsed(sql: str) -> Sequence[duckdb.Statement]:
    """Parsed once: with few rows it takes a third of the time that DuckDB needs for a MERGE."""
    return duckdb.extract_statements(sql)


atexit.register(_parsed.cache_clear)  # DuckDB complains of statements that outlive it


Metadata = dict[tuple[str, ...], str]
"""The resource of each dataset and table as JSON, by project, dataset and name."""


class Cursor:
    """A connection to the database, inside a transaction, and the metadata as the transaction sees them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.metadata: Metadata = {}

    def execute(self, sql: str, parameters: object = None) -> duckdb.DuckDBPyConnection:
        """Runs one statement or several; what the last returns can be fetched."""
        for statement in _parsed(sql):
            self.connection.execute(statement, parameters)
        return self.connection


_METADATA = """
CREATE SCHEMA IF NOT EXISTS localcloud;
CREATE TABLE IF NOT EXISTS localcloud.datasets (project VARCHAR, dataset VARCHAR, resource VARCHAR);
CREATE TABLE IF NOT EXISTS localcloud.tables (project VARCHAR, dataset VARCHAR, name VARCHAR, resource VARCHAR);
CREATE TABLE IF NOT EXISTS localcloud.jobs (resource VARCHAR);
"""
_STORED = {2: "datasets", 3: "tables"}
"""Where metadata are stored, by the length of their key."""


def nfkc_casefold(text: str) -> str:
    """NORMALIZE_AND_CASEFOLD(text, NFKC), which DuckDB lacks. As with Google, 26 letters are not in NFKC then."""
    return unicodedata.normalize("NFKC", text).casefold()


class Warehouse:
    """Cursors inside transactions. DuckDB's errors are raised as ApiErrors."""

    def __init__(self, directory: Path | None, clock: Clock) -> None:
        """Without a directory it is kept in memory only, and is empty at the next start."""
        self._file = directory / "warehouse.duckdb" if directory else None
        self.is_kept = directory is not None
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self._writer = threading.Lock()
        self._cursors = threading.Condition()
        self._in_use = 0
        self._idle: list[Cursor] = []
        self._open()

    def _open(self) -> None:
        self._database = duckdb.connect(str(self._file or ":memory:"))
        # One thread: for statements of milliseconds more of them cost more than they bring.
        self._database.execute("SET GLOBAL TimeZone = 'UTC'; SET threads = 1")
        self._database.execute(_METADATA)
        self._database.create_function(nfkc_casefold.__name__, nfkc_casefold)
        rows = [
            row for name in _STORED.values() for row in self._database.execute(f"FROM localcloud.{name}").fetchall()
        ]
        self._metadata: Metadata = {tuple(key): resource for *key, resource in rows}

    def close(self) -> None:
        with self._writer:
            self._close()

    def _close(self) -> None:
        self._database.remove_function(nfkc_casefold.__name__)
        for connection in (*(cursor.connection for cursor in self._idle), self._database):
            connection.close()
        self._idle.clear()

    def rewrite(self) -> None:
        """Rewrite the file, once no thread reads: DuckDB leaves in it what was deleted."""
        if self._file is None:
            return
        fresh = self._file.with_name("fresh.duckdb")
        with self._writer, self._cursors:
            self._cursors.wait_for(lambda: not self._in_use)
            fresh.unlink(missing_ok=True)
            literal = str(fresh).replace("'", "''")
            try:
                try:
                    self._database.execute(f"ATTACH '{literal}' AS fresh; COPY FROM DATABASE warehouse TO fresh")
                finally:
                    self._database.execute("DETACH DATABASE IF EXISTS fresh")
                self._close()
                fresh.replace(self._file)
                self._open()
            finally:
                for left in self._file.parent.glob(f"{fresh.name}*"):  # a full disk needs the room
                    left.unlink()

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """A cursor that sees one state of everything."""
        with self._cursor() as cursor:
            cursor.metadata = self._metadata  # never newer than the rows, which are those of the first statement
            try:
                yield cursor
            finally:
                cursor.connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        """The only writer's cursor; what it did is kept when the block ends without an exception."""
        with self._writer, self._cursor() as cursor:
            cursor.metadata = dict(self._metadata)
            try:
                yield cursor
                if self.is_kept:
                    self._store(cursor)
            except BaseException:
                cursor.connection.rollback()
                raise
            cursor.connection.commit()
            self._metadata = cursor.metadata

    def _store(self, cursor: Cursor) -> None:
        """Metadata are read from memory, which is much quicker, and stored for the next start."""
        before, after = self._metadata, cursor.metadata
        for key in before.keys() | after.keys():
            if before.get(key) != after.get(key):
                name, where = _STORED[len(key)], " AND ".join(("project = ?", "dataset = ?", "name = ?")[: len(key)])
                cursor.execute(f"DELETE FROM localcloud.{name} WHERE {where}", key)
                if key in after:
                    places = ", ".join("?" * (len(key) + 1))
                    cursor.execute(f"INSERT INTO localcloud.{name} VALUES ({places})", (*key, after[key]))

    @contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        """One that is idle, or a new one: making them takes longer than many a query."""
        with self._cursors:
            cursor = self._idle.pop() if self._idle else Cursor(self._database.cursor())
            self._in_use += 1
        try:
            cursor.connection.begin()
            yield cursor
        except duckdb.Error as error:
            cursor.connection.close()
            raise as_bigquery_error(error) from error
        except ApiError:
            self._idle.append(cursor)
            raise
        except BaseException:
            cursor.connection.close()
            raise
        else:
            self._idle.append(cursor)
        finally:
            with self._cursors:
                self._in_use -= 1
                self._cursors.notify_all()

    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)


# What DuckDB says → reason and message that BigQuery gives; a message takes over what the pattern caught.
_MESSAGES = (
    (r'Referenced column "(.+?)" (?:was )?not found', "invalidQuery", "Unrecognized name: {}"),
    (r'Table ".+?" does not have a column named "(.+?)"', "invalidQuery", "Name {} not found"),
    (r'Table ".+?" does not have a column with name "(.+?)"', "invalidQuery", "Column {} is not present in table"),
    (r'Referenced table "(.+?)" not found', "invalidQuery", "Unrecognized name: {}"),
    (r"NOT NULL constraint failed: .+\.(.+)", "invalid", "Required field {} cannot be null"),
    (
        "MERGE INTO command cannot affect the same target row more than once",
        "invalidQuery",
        "UPDATE/MERGE must match at most one source row for each target row",
    ),
    (r"Malformed JSON(.*)", "invalidQuery", "Invalid input to PARSE_JSON: malformed JSON{}"),
    ("[Dd]ivision by zero", "invalidQuery", "division by zero"),
)


class JobError(ApiError):
    """A failed job with several errors, the first of which says that it failed and the others why."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(400, errors[0]["reason"], errors[0]["message"])
        self.errors = errors


def as_bigquery_error(error: duckdb.Error) -> ApiError:
    text = str(error)
    if isinstance(error, duckdb.InternalError):
        return ApiError(500, "internalError", f"An internal error occurred: {text}")
    for pattern, reason, message in _MESSAGES:
        match = re.search(pattern, text)
        if match:
            return ApiError(400, reason, message.format(*match.groups()))
    return ApiError(400, "invalidQuery", text.splitlines()[0].partition("Error: ")[2] or text)
