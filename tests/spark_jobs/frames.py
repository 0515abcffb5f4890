"""Small frames of plays, and frames as plain rows; an instant is written and read as UTC text."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyspark.sql.functions as F  # noqa: N812
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import BooleanType, DoubleType, LongType, StringType, StructField, StructType, TimestampType

from spark_jobs.top_tracks import COUNTED, FACTS, FEATURES, PLAY_COLUMNS, Batch, by_track

ROOT = Path(__file__).parents[2]
AS_OF = datetime(2026, 11, 22, 10, tzinfo=UTC)
BATCH = Batch(
    project="p",
    dataset="listening",
    temp_bucket="temp",
    run_id="20261122T090000Z",
    slot=datetime(2026, 11, 22, 9, tzinfo=UTC),
    as_of=AS_OF,
)
TYPES = {"STRING": StringType, "INTEGER": LongType, "FLOAT": DoubleType, "TIMESTAMP": TimestampType}
TYPES |= {"BOOLEAN": BooleanType}


def table_columns(name: str) -> list[dict[str, str]]:
    [path] = ROOT.glob(f"*/**/tables/{name}.json")
    columns: list[dict[str, str]] = json.loads(path.read_text())["columns"]
    return columns


_PLAYS = {each["name"]: each["type"] for each in table_columns("plays")}


def play(track: str, ago: timedelta = timedelta(hours=1), **values: Any) -> dict[str, Any]:
    """A play from the API that ended so long before AS_OF, of a track with all its names."""
    return {
        "listener_id": "ada",
        "played_at": AS_OF - ago,
        "track_id": track,
        "track_name": f"{track}'s name",
        "artist_name": f"{track}'s artist",
        "artist_names": f"{track}'s artist; another",
        "album_name": f"{track}'s album",
        "image_url": f"https://i.scdn.co/image/{track}",
        "isrc": None,
        "duration_ms": 60_000,
        "ms_played": None,
        "source": "api",
        **values,
    }


def bare_play(track: str, ago: timedelta = timedelta(hours=1), **values: Any) -> dict[str, Any]:
    """A play with the required columns alone."""
    nothing = dict.fromkeys(column for column in COUNTED if column != "source")
    return {**play(track, ago), **nothing, **values}


def plays_frame(spark: SparkSession, plays: Sequence[dict[str, Any]]) -> DataFrame:
    """The plays with the columns that the job reads; what a play lacks is NULL."""
    schema = StructType([StructField(name, TYPES[_PLAYS[name]]()) for name in PLAY_COLUMNS])
    return spark.createDataFrame([tuple(row.get(name) for name in PLAY_COLUMNS) for row in plays], schema)


def catalogue_frame(spark: SparkSession, rows: list[dict[str, Any]]) -> DataFrame:
    kinds = {column["name"]: TYPES[column["type"]]() for column in table_columns("catalogue")}
    names = ["track_id", *FACTS, *FEATURES]
    schema = StructType([StructField(name, kinds[name]) for name in names])
    return spark.createDataFrame([tuple(row.get(name) for name in names) for row in rows], schema)


def summaries_frame(spark: SparkSession, plays: Sequence[dict[str, Any]]) -> DataFrame:
    """What both tables are made of, for these plays: a row per listener and track."""
    return by_track(plays_frame(spark, plays), AS_OF)


def rows_of(frame: DataFrame, *columns: str) -> list[dict[str, Any]]:
    """The frame's rows in its order, whole or only some columns."""
    wanted = frame.select(*columns) if columns else frame
    # Python would turn instants into the machine's own time zone.
    texts = [
        F.col(field.name).cast("string").alias(field.name) if isinstance(field.dataType, TimestampType) else field.name
        for field in wanted.schema
    ]
    return [row.asDict(recursive=True) for row in wanted.select(*texts).collect()]


def text(instant: datetime) -> str:
    """An instant as Spark writes it: without the zeros at the end."""
    return f"{instant:%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".")
