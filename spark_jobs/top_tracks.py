"""Spark batch: computes each listener's top ten tracks and the list of all tracks played.

Reads `plays` and `catalogue` once, replaces `top_tracks` and `tracks`, all through the BigQuery connector. Spark brings
all plays of a listener into one partition; there `Plays` holds a column as one array, and the rows of both tables are
computed with Arrow and numpy, which docs/decisions/0052-the-batch-computes-on-columns.md compares with Spark's own
aggregates. docs/top-ten.md defines the rows. The same rows and `as_of` give the same rows.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyspark.sql.functions as F  # noqa: N812 -- its name wherever PySpark is written
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql.types import DataType

PERIOD_DAYS = {"last_7_days": 7, "last_28_days": 28, "last_365_days": 365}
PERIODS = ["all_time", *PERIOD_DAYS]
POSITIONS = 10
EXPORT_COUNTS_FROM_MS = 30_000

SHOWN = ["track_name", "artist_name", "artist_names", "album_name", "image_url"]
NAMES = ["track_name", "artist_id", "artist_name", "artist_names"]
NAMES += ["album_id", "album_name", "album_release_date", "image_url"]
LASTING = ["duration_ms", "explicit"]
FIGURES = ["popularity", "danceability", "energy", "speechiness", "acousticness"]
FIGURES += ["instrumentalness", "liveness", "valence", "tempo", "features_source"]
FACTS = [*NAMES, "isrc", *LASTING]
FEATURES = FIGURES[1:]
TRACK_COLUMNS = ["listener_id", "track_id", *NAMES, "isrc", *LASTING, *FIGURES, "source"]
PLAY_COLUMNS = ["played_at", "ms_played", *TRACK_COLUMNS]
# Of these Spark makes both tables: a row of `tracks` has no period.
FOUND = dict.fromkeys(("plays_read", "rank", "position", "plays", "listened_ms", "previous_rank"), "bigint")
FOUND |= {"period": "string", "first_played_at": "timestamp", "last_played_at": "timestamp"}
ARROW_TYPES = {"string": pa.string(), "bigint": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}
ARROW_TYPES["timestamp"] = pa.timestamp("us", "UTC")
Array = np.ndarray[Any, Any]
# A partition's plays are computed some listeners at a time: a play takes about 1 kB in Python.
PLAYS_AT_ONCE = 100_000

# What the table file of plays says a value may be. Load lets nothing else in; a row that came another way, or before,
# breaks no batch: Spark writes no instant before 1900, and a sum of large numbers turns negative or fails.
EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)
RELEASE_DATE = "[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
RANGES: dict[str, tuple[int, int]] = {
    "duration_ms": (1, 2**31 - 1),
    "ms_played": (0, 86_400_000),
    "popularity": (0, 100),
    "tempo": (0, 500),
    **dict.fromkeys(("danceability", "energy", "speechiness", "acousticness"), (0, 1)),
    **dict.fromkeys(("instrumentalness", "liveness", "valence"), (0, 1)),
}


@dataclass(frozen=True)
class Batch:
    """The arguments that this batch was submitted with."""

    project: str
    dataset: str
    temp_bucket: str
    run_id: str
    slot: datetime
    as_of: datetime

    def table(self, name: str) -> str:
        return f"{self.project}.{self.dataset}.{name}"


@dataclass(frozen=True)
class LedgerRow:
    """The columns of the batch's row in `runs` that are known only when it ends."""

    state: str
    reason: str
    started_at: datetime
    finished_at: datetime
    listeners: int | None = None
    rows_in: int | None = None
    rows_new: int | None = None
    error_class: str | None = None


def main(arguments: Sequence[str] | None = None) -> None:
    batch = parse_arguments(arguments)
    started_at = datetime.now(UTC)
    builder = SparkSession.builder.appName("top_tracks").config("spark.sql.session.timeZone", "UTC")
    with builder.getOrCreate() as session:
        try:
            append_run(session, batch, refresh_top_tracks(session, batch, started_at))
        except Exception as error:
            with suppress(Exception):  # the first error is the one to be seen
                append_run(session, batch, failure(error, started_at))
            raise


def parse_arguments(arguments: Sequence[str] | None) -> Batch:
    parser = argparse.ArgumentParser(prog="top_tracks.py", description=__doc__)
    parser.add_argument("--project", required=True, help="project of the dataset")
    parser.add_argument("--dataset", required=True, help="dataset of all tables that are read and written")
    parser.add_argument("--temp-bucket", required=True, help="bucket for files on their way into BigQuery")
    parser.add_argument("--run-id", required=True, help="run whose plays set this batch off")
    parser.add_argument("--slot", required=True, type=instant, help="that run's slot (ISO 8601 with time zone)")
    parser.add_argument("--as-of", required=True, type=instant, help="end of all periods; later plays are left out")
    return Batch(**vars(parser.parse_args(arguments)))


def instant(text: str) -> datetime:
    """A moment as ISO 8601. One without a time zone could be any of 24 moments and is refused."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} does not say its time zone; for UTC append Z")
    return moment.astimezone(UTC)


def refresh_top_tracks(session: SparkSession, batch: Batch, started_at: datetime) -> LedgerRow:
    # Searching for a shorter encoding costs more time than it saves memory.
    session.conf.set("spark.sql.inMemoryColumnarStorage.compressed", "false")
    # Both tables and the counts are made of it: of one state of plays.
    rows = found(read_plays(session, batch), batch.as_of).persist()
    top = top_tracks(rows, batch).persist()  # at most 40 rows a listener, used twice
    owners = [row.listener_id for row in top.select("listener_id").collect()]
    # Side by side: a write into BigQuery waits for its load job most of the time.
    tables = {"top_tracks": top, "tracks": tracks(rows, batch)}
    with ThreadPoolExecutor() as pool:
        writes = [pool.submit(write, frame, batch, table, mode="overwrite") for table, frame in tables.items()]
    if all(errors := [written.exception() for written in writes]):
        raise BaseExceptionGroup("Neither table was written", [error for error in errors if error])
    for written in writes:
        written.result()
    [[rows_in]] = rows.select(F.coalesce(F.sum("plays_read"), F.lit(0))).collect()
    rows_new, listeners = len(owners), len(set(owners))
    reason = f"Plays read: {rows_in:,}, rows of the top ten: {rows_new:,}, listeners: {listeners}."
    return LedgerRow("succeeded", reason, started_at, datetime.now(UTC), listeners, rows_in, rows_new)


def failure(error: Exception, started_at: datetime) -> LedgerRow:
    """Without the error's own text, which may name accounts: the batch's driver output has it."""
    errors = error.exceptions if isinstance(error, ExceptionGroup) else [error]
    names = list(dict.fromkeys(type(each).__name__ for each in errors))
    reason = f"The batch ended with {' and '.join(names)}; its driver output says more."
    return LedgerRow("failed", reason, started_at, datetime.now(UTC), error_class=names[0])


def read_plays(session: SparkSession, batch: Batch) -> DataFrame:
    catalogue = read(session, batch, "catalogue", ["track_id", *FACTS, *FEATURES])
    return in_bounds(with_catalogue(read(session, batch, "plays", PLAY_COLUMNS), catalogue))


def read(session: SparkSession, batch: Batch, table: str, columns: Sequence[str]) -> DataFrame:
    """Only the columns that are needed: the connector requests no others."""
    return session.read.format("bigquery").load(batch.table(table)).select(*columns)


def with_catalogue(plays: DataFrame, catalogue: DataFrame) -> DataFrame:
    """The plays with what they lack of their tracks, and with the catalogue's audio features where it has them.

    BigQuery enforces no key: of several rows of a track the same one is taken each time.
    """
    has_features = F.col("energy").isNotNull()
    of_track = catalogue.groupBy("track_id").agg(F.max(F.struct(has_features, *FACTS, *FEATURES)).alias("known"))

    def completed(name: str) -> Column:
        if name in FACTS:
            return F.coalesce(name, f"known.{name}").alias(name)
        if name in FEATURES:
            return F.when(F.col("known.energy").isNotNull(), F.col(f"known.{name}")).otherwise(F.col(name)).alias(name)
        return F.col(name)

    # Ten thousand rows beside a million: each task gets them whole, and no play is moved for them.
    return plays.join(F.broadcast(of_track), "track_id", "left").select(*map(completed, plays.columns))


def in_bounds(plays: DataFrame) -> DataFrame:
    """The plays of a time that can be; any other value that cannot is NULL."""

    def bounded(name: str) -> Column:
        if name in RANGES:
            allowed = F.col(name).between(*RANGES[name])
        elif name == "album_release_date":
            allowed = F.col(name).rlike(rf"^({RELEASE_DATE})\z")
        else:
            return F.col(name)
        return F.when(allowed, F.col(name)).alias(name)

    return plays.where(F.col("played_at") >= F.lit(EARLIEST)).select(*map(bounded, plays.columns))


def write(frame: DataFrame, batch: Batch, table: str, mode: str) -> None:
    """One load job of all the frame's files: readers see the table as it was or as it is now, never between."""
    connector = {
        "writeMethod": "indirect",
        "intermediateFormat": "parquet",
        "temporaryGcsBucket": batch.temp_bucket,
        "createDisposition": "CREATE_NEVER",
    }
    frame.write.format("bigquery").mode(mode).options(**connector).save(batch.table(table))


def append_run(session: SparkSession, batch: Batch, row: LedgerRow) -> None:
    write(run_row(session, batch, row).coalesce(1), batch, "runs", mode="append")


def found(plays: DataFrame, as_of: datetime) -> DataFrame:
    """The rows of both tables without what the batch adds, and rows with `plays_read` alone, which add up to all plays.

    The only step for which plays are moved: all of a listener's into one partition, where they follow each other.
    """
    kinds = {field.name: field.dataType.simpleString() for field in plays.schema}
    columns = {name: kinds[name] for name in TRACK_COLUMNS} | FOUND

    def of_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for some in whole_listeners(batches):
            for rows in found_in(some, as_of):
                yield from with_all(columns, rows).to_batches()

    schema = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return plays.repartition("listener_id").sortWithinPartitions("listener_id").mapInArrow(of_partition, schema)


def whole_listeners(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same plays, PLAYS_AT_ONCE or a few more at a time, but all of a listener together."""
    kept: list[pa.RecordBatch] = []
    for batch in batches:
        kept.append(batch)
        if sum(map(len, kept)) >= PLAYS_AT_ONCE:
            table = pa.Table.from_batches(kept)
            begun = pc.index(table["listener_id"], table["listener_id"][-1]).as_py()
            kept = table[begun:].to_batches()  # the next batch may hold more of this listener
            if begun:
                yield table[:begun]
    if kept:
        yield pa.Table.from_batches(kept)


def with_all(columns: Mapping[str, str], rows: Mapping[str, pa.Array]) -> pa.Table:
    """The rows with NULL in each of the `columns` (type by name) that they lack, in that order."""
    count = len(next(iter(rows.values())))
    types = {name: ARROW_TYPES[kind] for name, kind in columns.items()}
    return pa.table(
        {name: rows[name].cast(type_) if name in rows else pa.nulls(count, type_) for name, type_ in types.items()}
    )


def found_in(table: pa.Table, as_of: datetime) -> Iterator[dict[str, pa.Array]]:
    """Columns of `found` for all plays of some listeners: `plays_read`, then those of `tracks`, then of each period."""
    plays = once(table)
    yield {"plays_read": pa.array([len(plays)])}
    plays = plays.filter(pc.less_equal(plays["played_at"], pa.scalar(as_of, plays["played_at"].type)))
    if len(plays):
        yield tracks_of(plays)
    if pc.any(plays["counts"]).as_py():
        yield from top_tracks_of(plays, as_of)


def once(table: pa.Table) -> pa.Table:
    """The plays in the order of listener, track and time, and three columns more: the places of listener and track
    among all ids, and `counts`: 30 seconds by the export, or listed by the API alone, which lists a play after 30.

    Of several rows with one key (BigQuery enforces none) one is taken: one that counts if any does, and always the
    same, whatever they differ in.
    """
    long_enough = pc.greater_equal(table["ms_played"], EXPORT_COUNTS_FROM_MS)
    plays = table.append_column("counts", pc.coalesce(long_enough, pc.equal(table["source"], "api")))
    for key in ("listener", "track"):
        plays = plays.append_column(key, pc.rank(table[f"{key}_id"], tiebreaker="dense").cast(pa.int64()))
    keys = ["listener", "track", "played_at"]
    rest = [(name, "descending") for name in ("counts", *PLAY_COLUMNS) if name not in keys]
    plays = plays.take(pc.sort_indices(plays, sort_keys=[*[(name, "ascending") for name in keys], *rest]))
    return plays.filter(pa.array(begins(*[plays[name].to_numpy() for name in keys]))).combine_chunks()


def tracks_of(plays: pa.Table) -> dict[str, pa.Array]:
    """The columns of `tracks`.

    A track has the values of its newest play, but the API lists more than an export, and a play with audio features
    more than one without. A name that this play lacks comes from the next play that has it.
    """
    knows_more = pc.equal(plays["source"], "api"), pc.is_valid(plays["energy"])
    order = np.lexsort((plays["played_at"], *reversed(knows_more), plays["track"], plays["listener"]))
    knowing = plays.take(order)
    groups = Groups(plays, "track")
    of_one_play = {name: take(knowing[name], groups.last()) for name in ["listener_id", "track_id", *FIGURES, "source"]}
    names = {name: take(knowing[name], groups.last(has_value(knowing[name]))) for name in [*NAMES, *LASTING]}
    isrc = take(plays["isrc"], groups.last(has_value(plays["isrc"])))
    return {**of_one_play, **names, "isrc": isrc, "last_played_at": take(plays["played_at"], groups.last())}


def top_tracks_of(plays: pa.Table, as_of: datetime) -> Iterator[dict[str, pa.Array]]:
    """The columns of `top_tracks`, period by period.

    A recording is all tracks of a listener with one ISRC: the newest of a track's plays that count, for some lack it
    (exports always do). It has the id of its last play, and each name of the newest play that has it: names are
    emptied when music is taken down, and an export has no cover.
    """
    of_track = Groups(plays, "track")
    isrc = take(plays["isrc"], of_track.last(plays["counts"].to_numpy() & has_value(plays["isrc"])))
    recording = pc.rank(pc.coalesce(isrc, take(plays["track_id"], of_track.last())), tiebreaker="dense")
    plays = plays.append_column("recording", recording.take(of_track.of_each())).filter(plays["counts"])
    plays = plays.take(np.lexsort([plays[name] for name in ("track", "played_at", "recording", "listener")]))

    groups = Groups(plays, "recording")
    last = plays.take(groups.last())
    columns = {name: last[name] for name in ("listener_id", "track_id")} | {"last_played_at": last["played_at"]}
    columns |= {name: take(plays[name], groups.last(has_value(plays[name]))) for name in SHOWN}
    listener, last_played = (last[name].cast(pa.int64()).to_numpy() for name in ("listener", "played_at"))
    listened_ms = pc.coalesce(plays["ms_played"], plays["duration_ms"], 0).to_numpy()
    for period, within, before in periods(plays["played_at"].to_numpy(), as_of):
        played, played_before = groups.sum(within), groups.sum(before)
        listened = groups.sum(np.where(within, listened_ms, 0))
        position, rank = ranks(listener, played, listened, last_played, -last["track"].to_numpy())
        _, rank_before = ranks(listener, played_before)
        first = groups.last() - played + 1  # a period's plays are a recording's last ones
        top = np.flatnonzero((played > 0) & (position <= POSITIONS))
        yield {name: take(column, top) for name, column in columns.items()} | {
            "period": pa.array([period] * len(top)),
            "rank": pa.array(rank[top]),
            "position": pa.array(position[top]),
            "plays": pa.array(played[top]),
            "listened_ms": pa.array(listened[top]),
            "first_played_at": take(plays["played_at"], first[top]),
            "previous_rank": pa.array(rank_before[top], mask=played_before[top] == 0),
        }


def periods(played_at: Array, as_of: datetime) -> Iterator[tuple[str, Array, Array]]:
    """Each period, which plays are in it, and which in the one of equal length just before.

    Open at the start, closed at the end: a play on the border belongs to the earlier period alone.
    """
    ago: Array = np.datetime64(as_of.replace(tzinfo=None)) - played_at
    yield "all_time", ago >= np.timedelta64(0), ago < np.timedelta64(0)
    for period, days in PERIOD_DAYS.items():
        length = np.timedelta64(days, "D")
        yield period, ago < length, (ago >= length) & (ago < 2 * length)


def ranks(listener: Array, value: Array, *then_by: Array) -> tuple[Array, Array]:
    """Of each element its position in its listener's order, greatest `value` first, then the greatest of `then_by`;
    and its rank, which equal values share. Both begin with 1.
    """
    order = np.lexsort((*[-key for key in reversed(then_by)], -value, listener))
    place = np.arange(len(order))
    of_listener = np.maximum.accumulate(np.where(begins(listener[order]), place, 0))
    of_equals = np.maximum.accumulate(np.where(begins(listener[order], value[order]), place, 0))
    position, rank = np.empty_like(order), np.empty_like(order)
    position[order], rank[order] = place - of_listener + 1, of_equals - of_listener + 1
    return position, rank


class Groups:
    """Neighbours in a table of one listener and one `key`. Results have an element per group."""

    def __init__(self, table: pa.Table, key: str) -> None:
        self._begins = begins(table["listener"].to_numpy(), table[key].to_numpy())
        self._starts = np.flatnonzero(self._begins)

    def of_each(self) -> Array:
        """Of each row the place of its group."""
        return np.cumsum(self._begins) - 1

    def last(self, having: Array | bool = True) -> Array:
        """The place of the last row, or of the last that `having` is true for: -1 if it is for none."""
        return np.maximum.reduceat(np.where(having, np.arange(len(self._begins)), -1), self._starts)

    def sum(self, values: Array) -> Array:
        return np.add.reduceat(values, self._starts, dtype=np.int64)


def begins(*keys: Array) -> Array:
    """True where an element differs from the one before it in any of the `keys`, and for the first."""
    differs = np.ones(len(keys[0]), dtype=bool)
    differs[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return differs


def has_value(column: pa.ChunkedArray) -> Array:
    """False for NULL and for an empty text."""
    is_one = pc.not_equal(column, "") if column.type == pa.string() else pc.is_valid(column)
    return np.asarray(pc.fill_null(is_one, False))


def take(column: pa.ChunkedArray, places: Array) -> pa.ChunkedArray:
    """The values at these places; NULL for a negative one."""
    return column.take(pa.array(places, mask=places < 0))


def top_tracks(rows: DataFrame, batch: Batch) -> DataFrame:
    """The whole of `top_tracks` from the rows of `found`, in order and in one partition."""
    top = rows.where("period IS NOT NULL").select(
        "listener_id",
        "period",
        "rank",
        "position",
        "track_id",
        *SHOWN,
        "plays",
        (F.col("listened_ms") / 60_000).alias("minutes"),
        "first_played_at",
        "last_played_at",
        "previous_rank",
        F.lit(batch.as_of).alias("as_of"),
        F.lit(batch.as_of).alias("computed_at"),
        F.lit(batch.run_id).alias("run_id"),
    )
    in_order = top.repartition(1).sortWithinPartitions("listener_id", "period", "position")
    return required(in_order, except_for=[*SHOWN, "previous_rank"])


def tracks(rows: DataFrame, batch: Batch) -> DataFrame:
    """The whole of `tracks` from the rows of `found`, in its partitions, each in the order of listener and track."""
    listed = rows.where("track_id IS NOT NULL AND period IS NULL")
    columns = listed.select(*TRACK_COLUMNS, "last_played_at", F.lit(batch.run_id).alias("run_id"))
    return required(columns, except_for=[*NAMES, "isrc", *LASTING, *FIGURES])


def required(rows: DataFrame, except_for: Sequence[str]) -> DataFrame:
    """The same rows, whose columns Spark knows to hold no NULL: the file's modes then are the table's modes.

    BigQuery refuses a load when they differ. The value that would replace a NULL is never used.
    """

    def declared(name: str, type_: DataType) -> Column:
        return F.col(name) if name in except_for else F.coalesce(name, F.lit(0).cast(type_)).alias(name)

    return rows.select(*[declared(field.name, field.dataType) for field in rows.schema])


def run_row(session: SparkSession, batch: Batch, row: LedgerRow) -> DataFrame:
    """The batch's row in the ledger, without `details`: JSON cannot travel through Parquet, absent it becomes NULL."""

    def nullable(value: str | int | None, type_: str) -> Column:
        # A bare literal would make its column REQUIRED in the file; Spark does not know that id is 0.
        return F.when(F.col("id") == 0, F.lit(value)).cast(type_)

    return session.range(1).select(
        F.lit(batch.run_id).alias("run_id"),
        F.lit(batch.slot).alias("slot"),
        F.lit("top_tracks").alias("step"),
        F.lit(row.state).alias("state"),
        F.lit(row.started_at).alias("started_at"),
        F.lit(row.finished_at).alias("finished_at"),
        nullable(row.listeners, "long").alias("listeners"),
        nullable(row.rows_in, "long").alias("rows_in"),
        nullable(row.rows_new, "long").alias("rows_new"),
        nullable(row.reason, "string").alias("reason"),
        nullable(row.error_class, "string").alias("error_class"),
        nullable(None, "timestamp").alias("blocked_until"),
    )


if __name__ == "__main__":
    main()
