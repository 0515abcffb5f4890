"""Loads plays, tops, gaps and the ledger from BigQuery and caches them per version of their tables.

Reading a table's time of last change is free, so it is the version. Small tables are listed, which is free;
plays and tracks are queried, one listener at a time. When the warehouse cannot be read, the last good copy is served
and says so; without one the errors of errors.py are raised.
"""

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar, cast

import pandas as pd
import pyarrow as pa
from google.cloud import bigquery
from google.oauth2.service_account import Credentials

from analysis import in_bounds
from analysis.history import History, to_history, to_plays
from pipeline.ledger import readable
from settings import Settings
from warehouse.errors import (
    UNREADABLE,
    ColumnsMissing,
    WarehouseUnreadable,
    as_unreadable,
    is_missing,
    is_outage,
    of_missing,
)

TABLES = ("plays", "tracks", "catalogue", "top_tracks", "gaps", "runs")
_READ = {
    "top_tracks": (
        *("listener_id", "period", "rank", "position", "previous_rank", "plays", "minutes"),
        *("track_id", "track_name", "artist_name", "artist_names", "image_url"),
        *("first_played_at", "last_played_at", "as_of", "computed_at", "run_id"),
    ),
    "gaps": ("listener_id", "gap_start", "gap_end"),
}
"""Of the tables that are listed the columns that the pages need; of the others BigQuery misses them itself."""
LEDGER_DAYS = 15
"""As much of the ledger as the Pipeline page looks back on, and a day."""
_QUERIES = Path(__file__).parent / "queries"
_TIMEOUT_SECONDS = 10.0
_QUERY_TIMEOUT_SECONDS = 120.0
_RETRY_SECONDS = 10.0
# Short: a page that has a copy must not wait long for whether it is stale.
_VERSION_TIMEOUT_SECONDS = 5.0
_CHECK_SECONDS = 60.0
_TRY_AGAIN_SECONDS = 15.0
_COPIES = 24
_BEFORE_ALL_RUNS = datetime(2006, 1, 1, tzinfo=UTC)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Loaded(Generic[Value]):
    """A value, when it was last known to be the newest, and why that is not now where BigQuery could not be read."""

    value: Value
    known_at: datetime
    error: str | None = None


@dataclass(frozen=True)
class _Copy:
    value: Any
    versions: tuple[datetime, ...]
    """When each of its tables had last changed."""
    known_at: datetime
    checked: float
    error: str | None = None


class Bill:
    """What BigQuery has billed this server's queries for since midnight UTC."""

    def __init__(self) -> None:
        self._day, self._bytes, self._lock = datetime.now(UTC).date(), 0, Lock()

    def add(self, billed_bytes: int) -> int:
        """The sum with these bytes."""
        with self._lock:
            today = datetime.now(UTC).date()
            self._bytes = billed_bytes + (self._bytes if self._day == today else 0)
            self._day = today
            return self._bytes


class Warehouse:
    """BigQuery's answers as frames. Every call has a time-out, every query a limit on what it may bill."""

    def __init__(self, settings: Settings, client: bigquery.Client, retry_seconds: float = _RETRY_SECONDS) -> None:
        self._client, self._retry_seconds = client, retry_seconds
        self._retry = bigquery.DEFAULT_RETRY.with_timeout(retry_seconds)
        self._dataset = bigquery.DatasetReference(settings.project, settings.dataset)
        self._maximum_bytes_billed = settings.maximum_bytes_billed
        self._bill = Bill()

    @property
    def billed_bytes_today(self) -> int:
        return self._bill.add(0)

    def sizes(self) -> pd.DataFrame:
        """A row per table: table, rows, bytes. Free of charge."""
        found = [
            self._client.get_table(self._dataset.table(name), retry=self._retry, timeout=_TIMEOUT_SECONDS)
            for name in TABLES
        ]
        rows = [(name, table.num_rows, table.num_bytes) for name, table in zip(TABLES, found, strict=True)]
        return pd.DataFrame(rows, columns=["table", "rows", "bytes"])

    def modified(self, table: str) -> datetime:
        """When the table last changed: free of charge."""
        retry = self._retry.with_timeout(min(_VERSION_TIMEOUT_SECONDS, self._retry_seconds))
        found = self._client.get_table(self._dataset.table(table), retry=retry, timeout=_VERSION_TIMEOUT_SECONDS)
        return cast(datetime, found.modified)

    def rows(self, table: str) -> pd.DataFrame:
        """A small table, whole: listing is free of charge."""
        found = self._client.get_table(self._dataset.table(table), retry=self._retry, timeout=_TIMEOUT_SECONDS)
        lacking = [f"`{name}`" for name in _READ[table] if name not in {column.name for column in found.schema}]
        if lacking:
            raise ColumnsMissing(f"The table `{table}` has no column {' and no column '.join(lacking)}")
        listed = self._client.list_rows(found, retry=self._retry, timeout=_TIMEOUT_SECONDS)
        return cast(pd.DataFrame, listed.to_arrow(create_bqstorage_client=False).to_pandas())

    def query(self, name: str, parameters: Sequence[bigquery.ScalarQueryParameter]) -> pa.Table:
        text = (_QUERIES / f"{name}.sql").read_text()
        config = bigquery.QueryJobConfig(
            default_dataset=self._dataset,
            query_parameters=list(parameters),
            maximum_bytes_billed=self._maximum_bytes_billed,
        )
        job = self._client.query(text, job_config=config, retry=self._retry, timeout=_TIMEOUT_SECONDS, job_retry=None)
        rows = job.result(timeout=_QUERY_TIMEOUT_SECONDS, retry=self._retry).to_arrow(create_bqstorage_client=False)
        self._bill.add(job.total_bytes_billed or 0)
        return rows


class Store:
    """The cached tables. One per server, safe for the threads of all sessions."""

    def __init__(self, warehouse: Warehouse, check_seconds: float = _CHECK_SECONDS) -> None:
        self._warehouse = warehouse
        self._check_seconds = check_seconds
        self._copies: OrderedDict[Hashable, _Copy] = OrderedDict()
        self._locks: dict[Hashable, Lock] = {}
        self._lock = Lock()
        self._outage_until, self._outage = 0.0, ""

    def history(self, listener_id: str) -> Loaded[History]:
        """A listener's plays, ready to count."""

        def load(versions: tuple[datetime, ...], copy: _Copy | None) -> History:
            known: History | None = copy.value if copy and not copy.value.is_empty else None
            before = copy.versions if copy and known else (None, None)
            if known and before[0] == versions[0]:
                plays = _plays_of(known)
            else:
                plays = to_plays(self._warehouse.query("plays", [_of(listener_id)]))
            # A batch brings what no play of the API does: covers, lengths, ISRCs and audio features of imported plays.
            if known is None or before[1] != versions[1]:
                listed = self._warehouse.query("tracks", [_of(listener_id)]).to_pandas()
                tracks, since = listed.drop(columns=["source", "last_played_at"]), _first_unlisted(plays, listed)
            else:
                tracks, since = known.tracks, _first_unknown(plays, known)
            if since is not None:
                parameters = [_of(listener_id), bigquery.ScalarQueryParameter("since", "TIMESTAMP", since)]
                newer = self._warehouse.query("tracks_since", parameters).to_pandas()
                # What the newer rows lack comes from those known before.
                both = pd.concat([frame[newer.columns] for frame in (newer, tracks) if len(frame)] or [newer])
                tracks = both.groupby("track_id", sort=False).first().reset_index()
            return to_history(plays, tracks)

        return self._newest(("plays", listener_id), load, also="tracks")

    def top_tracks(self, listener_id: str) -> Loaded[pd.DataFrame]:
        """The listener's rows as Spark wrote them, in the order period, position."""
        found = self._whole("top_tracks")
        mine = in_bounds.top_tracks(found.value[found.value["listener_id"] == listener_id])
        return replace(found, value=mine.sort_values(["period", "position"], ignore_index=True))

    def gaps(self, listener_id: str) -> Loaded[pd.DataFrame]:
        """Stretches in which the listener's plays may be missing, the oldest first."""
        found = self._whole("gaps")
        mine = in_bounds.gaps(found.value[found.value["listener_id"] == listener_id])
        return replace(found, value=mine.sort_values("gap_start", ignore_index=True))

    def runs(self) -> Loaded[pd.DataFrame]:
        """The newest days of the ledger, the newest slot first, as pipeline/ledger.py makes them readable; where the
        schedule has not called ingest in them, from its last call on.
        """

        def load(versions: tuple[datetime, ...], copy: _Copy | None) -> pd.DataFrame:
            since = (versions[0] - timedelta(days=LEDGER_DAYS)).replace(minute=0, second=0, microsecond=0)
            runs = self._runs_since(since)
            if not (runs["step"] == "ingest").any():
                every = self._runs_since(_BEFORE_ALL_RUNS)
                runs = every[every["slot"] >= min(since, every.loc[every["step"] == "ingest", "slot"].max())]
            return readable(runs).sort_values(["slot", "started_at"], ascending=False, ignore_index=True)

        return self._newest(("runs",), load)

    def catalogue(self) -> Loaded[pd.DataFrame]:
        """One row, of all listeners: tracks, those whose audio features are known, unknown to the provider, and for how
        many it was called in the day before the catalogue last changed."""

        def load(versions: tuple[datetime, ...], copy: _Copy | None) -> pd.DataFrame:
            since = bigquery.ScalarQueryParameter("since", "TIMESTAMP", versions[0] - timedelta(days=1))
            return self._warehouse.query("catalogue", [since]).to_pandas()

        return self._newest(("catalogue",), load)

    def sizes(self) -> Loaded[pd.DataFrame]:
        """A row per table: table, rows, bytes, as of the newest row of the ledger."""
        return self._newest(("runs", "sizes"), lambda versions, copy: self._warehouse.sizes())

    @property
    def billed_bytes_today(self) -> int:
        """By this server, since midnight UTC or its start."""
        return self._warehouse.billed_bytes_today

    def listeners(self) -> Loaded[tuple[str, ...]]:
        """All listeners: those with a top ten, and those that the last runs polled."""
        top, runs = self._whole("top_tracks"), self.runs()
        polled = {slug for details in runs.value["details"] for slug in (details or {}).get("listeners", {})}
        known = tuple(sorted(polled | set(top.value["listener_id"])))
        return Loaded(known, min(top.known_at, runs.known_at), top.error or runs.error)

    def everything(self, listener_id: str) -> pa.Table:
        """Every column of every play of a listener, for a download; not cached."""
        try:
            return self._warehouse.query("everything", [_of(listener_id)])
        except UNREADABLE as error:
            raise as_unreadable(error) from error

    def _whole(self, table: str) -> Loaded[pd.DataFrame]:
        return self._newest((table,), lambda versions, copy: self._warehouse.rows(table))

    def _runs_since(self, since: datetime) -> pd.DataFrame:
        parameters = [bigquery.ScalarQueryParameter("since", "TIMESTAMP", since)]
        return self._warehouse.query("runs", parameters).to_pandas()

    def _newest(
        self,
        key: tuple[str, ...],
        load: Callable[[tuple[datetime, ...], _Copy | None], Value],
        also: str | None = None,
    ) -> Loaded[Value]:
        """A copy of the newest versions of the table `key[0]` and of `also`.

        One thread at a time loads; newer versions are looked for once a minute.
        """
        tables = (key[0], also) if also else key[:1]
        with self._lock:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            copy = self._copies.get(key)
            if copy and time.monotonic() < self._outage_until:
                return Loaded(copy.value, copy.known_at, self._outage)
            wait = min(_TRY_AGAIN_SECONDS if copy and copy.error else self._check_seconds, self._check_seconds)
            if copy is None or time.monotonic() - copy.checked >= wait:
                copy = self._checked(tables, copy, load)
                self._keep(key, copy)
        return Loaded(copy.value, copy.known_at, copy.error)

    def _checked(
        self,
        tables: tuple[str, ...],
        copy: _Copy | None,
        load: Callable[[tuple[datetime, ...], _Copy | None], Any],
    ) -> _Copy:
        try:
            versions = tuple(self._warehouse.modified(table) for table in tables)
            if copy and copy.versions == versions:
                return replace(copy, known_at=datetime.now(UTC), checked=time.monotonic(), error=None)
            return _Copy(load(versions, copy), versions, datetime.now(UTC), time.monotonic())
        except UNREADABLE as error:
            unreadable = self._missing_tables(error) if is_missing(error) else as_unreadable(error)
            # A page reads several tables: those that have a copy do not wait for the same outage one after the other.
            # Any other error is about this query only: one that is too large must not make other tables stale.
            if is_outage(error):
                self._outage_until = time.monotonic() + min(_TRY_AGAIN_SECONDS, self._check_seconds)
                self._outage = str(unreadable)
            if copy is None:
                raise unreadable from error
            return replace(copy, checked=time.monotonic(), error=str(unreadable))

    def _missing_tables(self, first: Exception) -> WarehouseUnreadable:
        """Which tables are missing, checked only after one was not found: free of charge."""
        present = []
        for table in TABLES:
            try:
                self._warehouse.modified(table)
                present.append(table)
            except UNREADABLE as error:
                if not is_missing(error):
                    return as_unreadable(error)
        return of_missing(first, [table for table in TABLES if table not in present], present)

    def _keep(self, key: Hashable, copy: _Copy) -> None:
        with self._lock:
            self._copies[key] = copy
            self._copies.move_to_end(key)
            while len(self._copies) > _COPIES:
                self._copies.popitem(last=False)


def open_store(settings: Settings, service_account: Mapping[str, Any] | None = None) -> Store:
    """The store of these settings. `service_account` is a key for hosts that have no identity of their own."""
    return Store(open_warehouse(settings, service_account))


def open_warehouse(
    settings: Settings,
    service_account: Mapping[str, Any] | None = None,
    retry_seconds: float = _RETRY_SECONDS,
) -> Warehouse:
    """`retry_seconds` is how long a failing call is retried before it raises."""
    credentials = Credentials.from_service_account_info(service_account) if service_account else None
    # On a person's computer `requests` sends what a `default` line of ~/.netrc says in place of the token.
    os.environ["NETRC"] = os.devnull
    client = bigquery.Client(settings.project, credentials, location=settings.location)
    return Warehouse(settings, client, retry_seconds)


def _of(listener_id: str) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter("listener_id", "STRING", listener_id)


def _plays_of(known: History) -> pd.DataFrame:
    """The plays that the history was made of."""
    ms_played = known.plays["heard_ms"].where(known.plays["measured"], -1)
    return known.plays.assign(track_id=known.per_play("track_id", known.plays), ms_played=ms_played)


def _first_unlisted(plays: pd.DataFrame, listed: pd.DataFrame) -> datetime | None:
    """The oldest play that Spark had not read when it listed the tracks: only from there on tracks are read from the
    plays, which bill every column. A track listed from an export is read again once the API has reported it.
    """
    track = listed.set_index("track_id").reindex(plays["track_id"].astype(str)).reset_index(drop=True)
    is_listed = plays["played_at"] <= track["last_played_at"]
    return _first(plays, ~is_listed | ((plays["source"] == "api") & (track["source"] == "export")))


def _first_unknown(plays: pd.DataFrame, known: History) -> datetime | None:
    """The oldest play that the copy before lacked: only from there on tracks are read again."""
    before = pd.MultiIndex.from_arrays([known.plays["played_at"], known.per_play("track_id", known.plays)])
    is_known = pd.MultiIndex.from_arrays([plays["played_at"], plays["track_id"].astype(str)]).isin(before)
    return _first(plays, pd.Series(~is_known))


def _first(plays: pd.DataFrame, is_wanted: "pd.Series[bool]") -> datetime | None:
    """The instant of the first of the plays, which are in order, that is wanted."""
    return cast(datetime, plays["played_at"].iloc[int(is_wanted.argmax())]) if is_wanted.any() else None
