"""Works out every listener's top ten tracks and the list of all tracks heard, as one Spark batch.

Reads `plays`, overwrites `tracks` and `top_tracks`, both through the BigQuery connector; all between is DataFrame in,
DataFrame out. The same plays and the same `as_of` give the same rows in the same order.
"""

import argparse
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyspark.sql.functions as F  # noqa: N812 -- its name wherever PySpark is written
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql.types import DataType

PERIOD_DAYS = {"last_7_days": 7, "last_28_days": 28, "last_365_days": 365}
POSITIONS = 10
EXPORT_COUNTS_FROM_MS = 30_000

PLAY_KEY = ["listener_id", "played_at", "track_id"]
SHOWN = ["track_name", "artist_name", "artist_names", "album_name", "image_url"]
COUNTED_COLUMNS = [*PLAY_KEY, *SHOWN, "isrc", "duration_ms", "ms_played", "source"]
NAMES = ["track_name", "artist_id", "artist_name", "artist_names"]
NAMES += ["album_id", "album_name", "album_release_date", "image_url"]
LASTING = ["duration_ms", "explicit"]
FIGURES = ["popularity", "danceability", "energy", "speechiness", "acousticness"]
FIGURES += ["instrumentalness", "liveness", "valence", "tempo", "features_source"]
PLAY_COLUMNS = list(dict.fromkeys([*COUNTED_COLUMNS, *NAMES, *LASTING, *FIGURES]))

# What the table file of plays says a value may be. Load lets nothing else in; a row that came another way, or before,
# breaks no batch: Spark writes no instant before 1900, and a sum of large numbers turns negative or fails.
EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)
RELEASE_DATE = "[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
RANGES: dict[str, tuple[int, int]] = {
    "duration_ms": (0, 2**31 - 1),
    "ms_played": (0, 86_400_000),
    "popularity": (0, 100),
    "tempo": (0, 500),
    **dict.fromkeys(("danceability", "energy", "speechiness", "acousticness"), (0, 1)),
    **dict.fromkeys(("instrumentalness", "liveness", "valence"), (0, 1)),
}


@dataclass(frozen=True)
class Batch:
    """What this batch was submitted with."""

    project: str
    dataset: str
    temp_bucket: str
    run_id: str
    slot: datetime
    as_of: datetime
    computed_at: datetime

    def table(self, name: str) -> str:
        return f"{self.project}.{self.dataset}.{name}"


@dataclass(frozen=True)
class Outcome:
    """What the batch has to say about itself in the ledger."""

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
    parser.add_argument("--dataset", required=True, help="dataset that holds plays, tracks, top_tracks and runs")
    parser.add_argument("--temp-bucket", required=True, help="bucket for files on their way into BigQuery")
    parser.add_argument("--run-id", required=True, help="run whose plays set this batch off")
    parser.add_argument("--slot", required=True, type=instant, help="that run's slot (ISO 8601 with time zone)")
    parser.add_argument("--as-of", required=True, type=instant, help="end of all periods; later plays are left out")
    parser.add_argument("--computed-at", required=True, type=instant, help="when this batch was submitted")
    return Batch(**vars(parser.parse_args(arguments)))


def instant(text: str) -> datetime:
    """A moment as ISO 8601. One without a time zone could be any of 24 moments and is refused."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} does not say its time zone; for UTC append Z")
    return moment.astimezone(UTC)


def refresh_top_tracks(session: SparkSession, batch: Batch, started_at: datetime) -> Outcome:
    plays = read_plays(session, batch)
    top = top_tracks(plays, batch).persist()  # at most 40 rows a listener, asked for twice
    owners = [row.listener_id for row in top.select("listener_id").collect()]
    write(top, batch, "top_tracks", mode="overwrite")
    write(tracks(plays, batch), batch, "tracks", mode="overwrite")  # only saves its readers work, so it comes second
    rows_in, rows_new, listeners = plays.dropDuplicates(PLAY_KEY).count(), len(owners), len(set(owners))
    reason = f"Plays read: {rows_in}, rows of the top ten: {rows_new}, listeners: {listeners}."
    return Outcome("succeeded", reason, started_at, datetime.now(UTC), listeners, rows_in, rows_new)


def failure(error: Exception, started_at: datetime) -> Outcome:
    """Without the error's own text, which may name accounts: the batch's driver output has it."""
    name = type(error).__name__
    reason = f"The batch ended with {name}; its driver output says more."
    return Outcome("failed", reason, started_at, datetime.now(UTC), error_class=name)


def read_plays(session: SparkSession, batch: Batch) -> DataFrame:
    """Only the columns that are needed: the connector asks BigQuery for no others.

    Without their descriptions, which it would write onto the columns of the same names in `tracks` and `top_tracks`
    (GoogleCloudDataproc/spark-bigquery-connector, BigQueryWriteHelper.updateTableMetadataIfNeeded).
    """
    plays = session.read.format("bigquery").load(batch.table("plays")).select(*PLAY_COLUMNS)
    # A cast, also to the same type, is what drops a column's metadata; withMetadata(name, {}) keeps it.
    return in_bounds(
        plays.select(*[F.col(field.name).cast(field.dataType).alias(field.name) for field in plays.schema])
    )


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
    """One file, one load job: readers see the table as it was or as it is now, never between."""
    connector = {
        "writeMethod": "indirect",
        "intermediateFormat": "parquet",
        "temporaryGcsBucket": batch.temp_bucket,
        "createDisposition": "CREATE_NEVER",
    }
    frame.coalesce(1).write.format("bigquery").mode(mode).options(**connector).save(batch.table(table))


def append_run(session: SparkSession, batch: Batch, outcome: Outcome) -> None:
    write(run_row(session, batch, outcome), batch, "runs", mode="append")


def top_tracks(plays: DataFrame, batch: Batch) -> DataFrame:
    """The whole of `top_tracks`, in order and in one partition."""
    counted = once(counting(plays.select(*COUNTED_COLUMNS), batch.as_of))
    tallies = tally(in_periods(with_names(with_recording(counted)), batch.as_of))
    rows = to_rows(with_previous_rank(ranked(tallies)), batch)
    # Not coalesce(1), which would pull the ranking itself into one task.
    return rows.repartition(1).sortWithinPartitions("listener_id", "period", "position")


def counting(plays: DataFrame, as_of: datetime) -> DataFrame:
    """The plays up to `as_of` that count: heard for 30 seconds by the export, or known from the API alone."""
    heard_enough = F.col("ms_played") >= EXPORT_COUNTS_FROM_MS
    from_api_alone = (F.col("source") == "api") & F.col("ms_played").isNull()
    return plays.where((F.col("played_at") <= F.lit(as_of)) & (heard_enough | from_api_alone))


def once(plays: DataFrame) -> DataFrame:
    """One row per primary key, which BigQuery does not enforce. Of several always the same one is kept."""
    others = [column for column in plays.columns if column not in PLAY_KEY]
    kept = plays.groupBy(*PLAY_KEY).agg(F.max(F.struct(*others)).alias("kept"))
    return kept.select(*PLAY_KEY, "kept.*")


def with_recording(plays: DataFrame) -> DataFrame:
    """Adds `recording`: the newest ISRC that the listener's plays tell of the track, or the track's id.

    Some plays of a track lack its ISRC (exports never have one), and they are plays of the same recording.
    """
    told = F.when(F.col("isrc") != "", F.struct("played_at", "isrc"))
    newest = F.max(told).over(Window.partitionBy("listener_id", "track_id"))
    return plays.withColumn("recording", F.coalesce(newest["isrc"], F.col("track_id")))


def with_names(plays: DataFrame) -> DataFrame:
    """What a play does not tell of its track, as the newest play of the recording that tells it: names are emptied when
    music is taken down, and an export has no cover.
    """
    recording = Window.partitionBy("listener_id", "recording")
    told = [F.when(F.col(name) != "", F.col(name)) for name in SHOWN]
    newest = [newest_told(name, "played_at", "track_id").over(recording)[name] for name in SHOWN]
    filled = [F.coalesce(*pair).alias(name) for *pair, name in zip(told, newest, SHOWN, strict=True)]
    return plays.select(*[column for column in plays.columns if column not in SHOWN], *filled)


def newest_told(name: str, *order: str | Column) -> Column:
    """The greatest struct of `order` and the column, of rows in which the column is neither NULL nor an empty text."""
    return F.max(F.when(F.col(name).cast("string") != "", F.struct(*order, name)))


def in_periods(plays: DataFrame, as_of: datetime) -> DataFrame:
    """Repeats each play for every `period` it lies in; `previous` marks the period of equal length just before."""
    memberships = [_membership("all_time", previous=False, within=F.lit(True))]
    for period, days in PERIOD_DAYS.items():
        length = timedelta(days=days)
        memberships.append(_membership(period, previous=False, within=_within(as_of - length, as_of)))
        memberships.append(_membership(period, previous=True, within=_within(as_of - 2 * length, as_of - length)))
    repeated = plays.withColumn("member", F.explode(F.array(*memberships)))
    return repeated.where("member IS NOT NULL").select(*plays.columns, "member.*")


def _membership(period: str, *, previous: bool, within: Column) -> Column:
    return F.when(within, F.struct(F.lit(period).alias("period"), F.lit(previous).alias("previous")))


def _within(after: datetime, until: datetime) -> Column:
    """Open at the start, closed at the end: a play on the border belongs to the earlier period alone."""
    return (F.col("played_at") > F.lit(after)) & (F.col("played_at") <= F.lit(until))


def tally(plays: DataFrame) -> DataFrame:
    """One row per listener, period and recording; `last` is its play heard last."""
    heard_ms = F.coalesce("ms_played", "duration_ms", F.lit(0))
    return plays.groupBy("listener_id", "period", "previous", "recording").agg(
        F.count("*").alias("plays"),
        F.sum(heard_ms).alias("heard_ms"),
        F.min("played_at").alias("first_played_at"),
        F.max(F.struct("played_at", "track_id", *SHOWN)).alias("last"),
    )


def ranked(tallies: DataFrame) -> DataFrame:
    """Adds `position`, a total order, and `rank`, which recordings with as many plays share."""
    period = Window.partitionBy("listener_id", "period", "previous")
    total_order = [F.desc("plays"), F.desc("heard_ms"), F.desc("last.played_at"), F.asc("last.track_id")]
    positioned = tallies.withColumn("position", F.row_number().over(period.orderBy(*total_order)))
    return positioned.withColumn("rank", F.rank().over(period.orderBy(F.desc("plays"))))


def with_previous_rank(recordings: DataFrame) -> DataFrame:
    """Keeps each period's first ten and gives them the rank they had in the period before."""
    wanted = recordings.where(F.col("previous") | (F.col("position") <= POSITIONS))
    rank_before = F.max(F.when(F.col("previous"), F.col("rank")))
    both = wanted.withColumn(
        "previous_rank", rank_before.over(Window.partitionBy("listener_id", "period", "recording"))
    )
    return both.where(~F.col("previous"))


def to_rows(recordings: DataFrame, batch: Batch) -> DataFrame:
    """The columns of `top_tracks`, in their order."""
    rows = recordings.select(
        "listener_id",
        "period",
        F.col("rank").cast("long"),
        F.col("position").cast("long"),
        "last.track_id",
        "last.track_name",
        "last.artist_name",
        "last.artist_names",
        "last.album_name",
        "last.image_url",
        "plays",
        (F.col("heard_ms") / 60_000).alias("minutes"),
        "first_played_at",
        F.col("last.played_at").alias("last_played_at"),
        F.col("previous_rank").cast("long"),
        F.lit(batch.as_of).alias("as_of"),
        F.lit(batch.computed_at).alias("computed_at"),
        F.lit(batch.run_id).alias("run_id"),
    )
    return required(rows, except_for=[*SHOWN, "previous_rank"])


def tracks(plays: DataFrame, batch: Batch) -> DataFrame:
    """The whole of `tracks`, in order and in one partition.

    A track is as its newest play tells it, but the API knows more than an export, and a play with audio features more
    than one without. What that play does not tell of the track itself, the next that does tells.
    """
    known = plays.where(F.col("played_at") <= F.lit(batch.as_of))
    knows_most = [F.col("source") == "api", F.col("energy").isNotNull(), F.col("played_at")]
    ranked_by = [column.alias(f"rank_{place}") for place, column in enumerate(knows_most)]
    listed = known.groupBy("listener_id", "track_id").agg(
        F.max(F.struct(*ranked_by, "source", *FIGURES)).alias("told"),
        *[newest_told(name, *ranked_by)[name].alias(name) for name in [*NAMES, *LASTING]],
        F.max(F.when(F.col("isrc") != "", F.struct("played_at", "isrc")))["isrc"].alias("isrc"),
        F.max("played_at").alias("last_played_at"),
    )
    rows = listed.select(
        "listener_id",
        "track_id",
        *NAMES,
        "isrc",
        *LASTING,
        *[f"told.{name}" for name in FIGURES],
        "told.source",
        "last_played_at",
        F.lit(batch.run_id).alias("run_id"),
    )
    written = required(rows, except_for=[*NAMES, "isrc", *LASTING, *FIGURES])
    return written.repartition(1).sortWithinPartitions("listener_id", "track_id")


def required(rows: DataFrame, except_for: Sequence[str]) -> DataFrame:
    """The same rows, whose columns Spark knows to hold no NULL: the file's modes then are the table's modes.

    BigQuery refuses a load when they differ. The value that would replace a NULL is never used.
    """

    def declared(name: str, type_: DataType) -> Column:
        return F.col(name) if name in except_for else F.coalesce(name, F.lit(0).cast(type_)).alias(name)

    return rows.select(*[declared(field.name, field.dataType) for field in rows.schema])


def run_row(session: SparkSession, batch: Batch, outcome: Outcome) -> DataFrame:
    """The batch's row in the ledger, without `details`: JSON cannot travel through Parquet, absent it becomes NULL."""

    def nullable(value: str | int | None, type_: str) -> Column:
        # A bare literal would make its column REQUIRED in the file; Spark does not know that id is 0.
        return F.when(F.col("id") == 0, F.lit(value)).cast(type_)

    return session.range(1).select(
        F.lit(batch.run_id).alias("run_id"),
        F.lit(batch.slot).alias("slot"),
        F.lit("top_tracks").alias("step"),
        F.lit(outcome.state).alias("state"),
        F.lit(outcome.started_at).alias("started_at"),
        F.lit(outcome.finished_at).alias("finished_at"),
        nullable(outcome.listeners, "long").alias("listeners"),
        nullable(outcome.rows_in, "long").alias("rows_in"),
        nullable(outcome.rows_new, "long").alias("rows_new"),
        nullable(outcome.reason, "string").alias("reason"),
        nullable(outcome.error_class, "string").alias("error_class"),
        nullable(None, "timestamp").alias("blocked_until"),
    )


if __name__ == "__main__":
    main()
