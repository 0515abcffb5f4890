"""Spark batch: computes each listener's top ten tracks and the list of all tracks played.

Reads `plays` and `catalogue` once, replaces `top_tracks` and `tracks`, all through the BigQuery connector; between are
functions from DataFrame to DataFrame. docs/top-ten.md defines the rows. The same rows and `as_of` give the same rows.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyspark.sql.functions as F  # noqa: N812 -- its name wherever PySpark is written
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql.types import DataType

PERIOD_DAYS = {"last_7_days": 7, "last_28_days": 28, "last_365_days": 365}
PERIODS = ["all_time", *PERIOD_DAYS]
POSITIONS = 10
EXPORT_COUNTS_FROM_MS = 30_000

# The id of the track comes first: where rows are sorted by it, its first bytes alone tell most of them apart.
TRACK_KEY = ["track_id", "listener_id"]
SHOWN = ["track_name", "artist_name", "artist_names", "album_name", "image_url"]
COUNTED = [*SHOWN, "isrc", "duration_ms", "ms_played", "source"]
NAMES = ["track_name", "artist_id", "artist_name", "artist_names"]
NAMES += ["album_id", "album_name", "album_release_date", "image_url"]
LASTING = ["duration_ms", "explicit"]
FIGURES = ["popularity", "danceability", "energy", "speechiness", "acousticness"]
FIGURES += ["instrumentalness", "liveness", "valence", "tempo", "features_source"]
FACTS = [*NAMES, "isrc", *LASTING]
FEATURES = FIGURES[1:]
PLAY_COLUMNS = list(dict.fromkeys(["listener_id", "played_at", "track_id", *COUNTED, *NAMES, *LASTING, *FIGURES]))

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
    summaries = by_track(read_plays(session, batch), batch.as_of).persist()
    top = top_tracks(summaries, batch).persist()  # at most 40 rows a listener, used twice
    owners = [row.listener_id for row in top.select("listener_id").collect()]
    # Side by side: a write into BigQuery waits for its load job most of the time.
    tables = {"top_tracks": top, "tracks": tracks(summaries, batch)}
    with ThreadPoolExecutor() as pool:
        writes = [pool.submit(write, rows, batch, table, mode="overwrite") for table, rows in tables.items()]
    if all(errors := [written.exception() for written in writes]):
        raise BaseExceptionGroup("Neither table was written", [error for error in errors if error])
    for written in writes:
        written.result()
    [[rows_in]] = summaries.select(F.coalesce(F.sum("plays_read"), F.lit(0))).collect()
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


def by_track(plays: DataFrame, as_of: datetime) -> DataFrame:
    """One row per listener and track: all that both tables and the ledger take from its plays.

    The only step for which plays are moved. It brings those of a listener's track into one partition and sorts them
    there, which is all that taking each key once and counting need; from here on only its rows are moved.
    Plays after `as_of` make rows of their own (`is_past` is false), of which only `plays_read` is used.
    """
    together = plays.withColumn("is_past", F.col("played_at") <= F.lit(as_of)).repartition(*TRACK_KEY)
    summaries = once(together).groupBy(*TRACK_KEY, "is_past")
    return summaries.agg(
        F.count_if("is_first").alias("plays_read"),
        *columns_of_track(),
        *columns_of_recording(),
        *figures_of_periods(as_of),
    )


def once(plays: DataFrame) -> DataFrame:
    """Adds `is_first`, true for one row of each primary key (BigQuery enforces none), and `counts`, true if that row
    counts as a play: 30 seconds by the export, or listed by the API alone, which lists a play after 30.

    Of several rows always the same one is first, whatever they differ in, and one that counts if any does.
    """
    long_enough = F.col("ms_played") >= EXPORT_COUNTS_FROM_MS
    from_api_alone = (F.col("source") == "api") & F.col("ms_played").isNull()
    able = plays.withColumn("counts", F.col("is_past") & F.coalesce(long_enough, from_api_alone))
    key = Window.partitionBy(*TRACK_KEY, "is_past", "played_at").orderBy(F.desc("counts"), *map(F.desc, PLAY_COLUMNS))
    marked = able.withColumn("is_first", F.row_number().over(key) == 1)
    return marked.withColumn("counts", F.col("counts") & F.col("is_first"))


def columns_of_track() -> list[Column]:
    """The columns of `tracks`.

    A track has the values of its newest play, but the API lists more than an export, and a play with audio features
    more than one without. A name that this play lacks comes from the next play that has it.
    """
    # One number orders plays quicker than three columns do: an instant in microseconds is less than 2 ** 58.
    knows_more = F.when(F.col("source") == "api", 2 << 58).otherwise(0)
    knows_more += F.when(F.col("energy").isNotNull(), 1 << 58).otherwise(0)
    order = (knows_more + F.unix_micros("played_at")).alias("order")
    return [
        F.max(F.struct(order, "source", *FIGURES)).alias("of_one_play"),
        *[newest(name, order)[name].alias(name) for name in [*NAMES, *LASTING]],
        newest("isrc", "played_at")["isrc"].alias("isrc"),
        F.max("played_at").alias("last_played_at"),
    ]


def columns_of_recording() -> list[Column]:
    """What `tally` needs of a track's plays that count.

    `recording`: the newest ISRC among them, or the track's id. Some plays of a track lack its ISRC (exports never
    have one), and they are plays of the same recording. `last`: the last play. `shown`: each name of the newest play
    that has it: names are emptied when music is taken down, and an export has no cover.
    """
    isrc = newest("isrc", "played_at", of="counts")["isrc"]
    shown = [newest(name, "played_at", "track_id", of="counts").alias(name) for name in SHOWN]
    return [
        F.coalesce(isrc, F.col("track_id")).alias("recording"),
        F.max(F.when(F.col("counts"), F.struct("played_at", "track_id"))).alias("last"),
        F.struct(*shown).alias("shown"),
    ]


def newest(name: str, *order: str | Column, of: str | None = None) -> Column:
    """The greatest struct of `order` and the column, of rows in which the column is neither NULL nor an empty text."""
    has_value = F.col(name).isNotNull() if name in LASTING else F.col(name) != ""
    return F.max(F.when(has_value if of is None else has_value & F.col(of), F.struct(*order, name)))


def figures_of_periods(as_of: datetime) -> list[Column]:
    """A struct per period: plays and time in it, and the plays in the period of equal length just before."""
    figures = [_figures("all_time", within=F.lit(True), before=F.lit(False))]
    for period, days in PERIOD_DAYS.items():
        length = timedelta(days=days)
        within, before = _within(as_of - length, as_of), _within(as_of - 2 * length, as_of - length)
        figures.append(_figures(period, within=within, before=before))
    return figures


def _figures(period: str, *, within: Column, before: Column) -> Column:
    counted = F.col("counts") & within
    return F.struct(
        F.count_if(counted).alias("plays"),
        F.sum(F.when(counted, F.coalesce("ms_played", "duration_ms", F.lit(0)))).alias("listened_ms"),
        F.min(F.when(counted, F.col("played_at"))).alias("first_played_at"),
        F.count_if(F.col("counts") & before).alias("plays_before"),
    ).alias(period)


def _within(after: datetime, until: datetime) -> Column:
    """Open at the start, closed at the end: a play on the border belongs to the earlier period alone."""
    return (F.col("played_at") > F.lit(after)) & (F.col("played_at") <= F.lit(until))


def top_tracks(summaries: DataFrame, batch: Batch) -> DataFrame:
    """The whole of `top_tracks` from the rows of `by_track`, in order and in one partition."""
    rows = to_rows(first_ten(tally(summaries)), batch)
    # Not coalesce(1), which would pull the ranking itself into one task.
    return rows.repartition(1).sortWithinPartitions("listener_id", "period", "position")


def tally(summaries: DataFrame) -> DataFrame:
    """One row per listener, recording and period that has a play, or had one in the period before.

    A listener's rows lie in one partition. Periods end with `as_of`, so the last play of all is the last of each.
    """
    counted = summaries.where("last IS NOT NULL").select("listener_id", "recording", "last", "shown", *PERIODS)
    recordings = counted.repartition("listener_id").groupBy("listener_id", "recording")
    summed_up = recordings.agg(
        F.max("last").alias("last"),
        *[F.max(f"shown.{name}")[name].alias(name) for name in SHOWN],
        F.array(*map(_summed_up, PERIODS)).alias("periods"),
    )
    tallies = summed_up.select("listener_id", "recording", "last", *SHOWN, F.inline("periods"))
    return tallies.where("plays > 0 OR plays_before > 0")


def _summed_up(period: str) -> Column:
    return F.struct(
        F.lit(period).alias("period"),
        *[F.sum(f"{period}.{name}").alias(name) for name in ("plays", "listened_ms", "plays_before")],
        F.min(f"{period}.first_played_at").alias("first_played_at"),
    )


def first_ten(tallies: DataFrame) -> DataFrame:
    """Each period's first ten by `position`, a total order, with the `rank` that recordings with as many plays share,
    and the rank among all recordings of the period before.
    """
    period = Window.partitionBy("listener_id", "period")
    total_order = [F.desc("plays"), F.desc("listened_ms"), F.desc("last.played_at"), F.asc("last.track_id")]
    ranked = (
        tallies.withColumn("position", F.row_number().over(period.orderBy(*total_order)))
        .withColumn("rank", F.rank().over(period.orderBy(F.desc("plays"))))
        .withColumn("rank_before", F.rank().over(period.orderBy(F.desc("plays_before"))))
    )
    previous_rank = F.when(F.col("plays_before") > 0, F.col("rank_before"))
    return ranked.withColumn("previous_rank", previous_rank).where(f"plays > 0 AND position <= {POSITIONS}")


def to_rows(recordings: DataFrame, batch: Batch) -> DataFrame:
    """The columns of `top_tracks`, in their order."""
    rows = recordings.select(
        "listener_id",
        "period",
        F.col("rank").cast("long"),
        F.col("position").cast("long"),
        "last.track_id",
        *SHOWN,
        "plays",
        (F.col("listened_ms") / 60_000).alias("minutes"),
        "first_played_at",
        F.col("last.played_at").alias("last_played_at"),
        F.col("previous_rank").cast("long"),
        F.lit(batch.as_of).alias("as_of"),
        F.lit(batch.as_of).alias("computed_at"),
        F.lit(batch.run_id).alias("run_id"),
    )
    return required(rows, except_for=[*SHOWN, "previous_rank"])


def tracks(summaries: DataFrame, batch: Batch) -> DataFrame:
    """The whole of `tracks` from the rows of `by_track`, in its partitions, each in the order of TRACK_KEY."""
    rows = summaries.where("is_past").select(
        "listener_id",
        "track_id",
        *NAMES,
        "isrc",
        *LASTING,
        *[f"of_one_play.{name}" for name in FIGURES],
        "of_one_play.source",
        "last_played_at",
        F.lit(batch.run_id).alias("run_id"),
    )
    return required(rows, except_for=[*NAMES, "isrc", *LASTING, *FIGURES])


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
