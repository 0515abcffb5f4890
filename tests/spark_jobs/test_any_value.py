"""Whatever the columns of `plays` and `catalogue` can hold, a batch ends well and its tables hold what they may."""

import math
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark_jobs.top_tracks import (
    EARLIEST,
    PLAY_COLUMNS,
    RANGES,
    RELEASE_DATE,
    by_track,
    in_bounds,
    top_tracks,
    tracks,
    with_catalogue,
)
from tests.spark_jobs.frames import AS_OF, BATCH, bare_play, catalogue_frame, play, plays_frame, rows_of

pytestmark = [pytest.mark.spark, pytest.mark.timeout(400)]

WHOLE = {
    "integer": [-(2**63), -(2**31), -1, 0, 1, 30_000, 101, 2**31 - 1, 2**31, 2**63 - 1, None],
    "float": [
        -math.inf,
        -1e308,
        -1e-9,
        0.0,
        5e-324,
        0.5,
        1.0,
        500.0,
        501.0,
        2e7,
        1e12,
        1e308,
        math.inf,
        math.nan,
        None,
    ],
    "text": ["", "\0", "1.5", "9e9", "inf", "0000", "0001-01-01", "1984-05\n", "9999", "😀", "x" * 1_000, None],
    "instant": [
        datetime.min.replace(tzinfo=UTC),
        datetime(1899, 12, 31, 23, tzinfo=UTC),
        EARLIEST - timedelta(milliseconds=1),
        EARLIEST,
        AS_OF - timedelta(days=1),
        AS_OF,
        datetime.max.replace(tzinfo=UTC),
    ],
}
INTEGERS = ("duration_ms", "ms_played", "popularity")
FLOATS = sorted(RANGES.keys() - set(INTEGERS))


def drawn(seed: int, count: int) -> list[dict[str, Any]]:
    """Plays whose every column holds anything of its type."""
    dice = random.Random(seed)

    def any_play(number: int) -> dict[str, Any]:
        texts = {name: dice.choice(WHOLE["text"]) for name in PLAY_COLUMNS}
        rest = {name: dice.choice(WHOLE["integer"]) for name in INTEGERS}
        rest |= {name: dice.choice(WHOLE["float"]) for name in FLOATS}
        return (
            texts
            | rest
            | {
                "listener_id": dice.choice(["", "ada", "Ünï <b> / ?", "x" * 300]),
                "track_id": dice.choice(["", "a", "b", f"t{number}"]),
                "source": dice.choice(["api", "export", "", "other"]),
                "explicit": dice.choice([True, False, None]),
                "played_at": dice.choice(WHOLE["instant"]) if dice.random() < 0.7 else AS_OF - timedelta(hours=number),
            }
        )

    return [any_play(number) for number in range(count)]


def test_any_plays_make_tables_whose_every_value_may_be_there(spark: SparkSession, tmp_path: Path) -> None:
    plays, catalogue = plays_frame(spark, drawn(20261122, 800)), catalogue_frame(spark, drawn(20261123, 800))
    summaries = by_track(in_bounds(with_catalogue(plays, catalogue)), AS_OF).persist()

    for name, table in (("top_tracks", top_tracks(summaries, BATCH)), ("tracks", tracks(summaries, BATCH))):
        # What fails here fails a batch: Parquet is how the connector brings a table to BigQuery.
        table.write.parquet(str(tmp_path / name))
    top = rows_of(spark.read.parquet(str(tmp_path / "top_tracks")))
    listed = rows_of(spark.read.parquet(str(tmp_path / "tracks")))

    assert len(top) > 40
    assert len(listed) > 100
    assert all(0 <= row["minutes"] <= 800 * 2**31 / 60_000 for row in top)
    assert all(row["first_played_at"] >= "2006" for row in top)
    for row in listed:
        assert all(
            row[name] is None or least <= row[name] <= most for name, (least, most) in RANGES.items() if name in row
        )
        date = row["album_release_date"]
        assert date is None or re.fullmatch(RELEASE_DATE, date)


def test_a_length_that_cannot_be_is_unknown_and_a_play_of_no_time_is_none(spark: SparkSession) -> None:
    plays = [
        play("a", duration_ms=2**63 - 1),
        play("a", timedelta(hours=2), duration_ms=2**63 - 1),
        play("b", duration_ms=-5_000),
        play("c", played_at=datetime(1899, 12, 31, 23, 59, 59, tzinfo=UTC)),
        bare_play("d", source="export", ms_played=2**40),
    ]
    summaries = by_track(in_bounds(plays_frame(spark, plays)), AS_OF)
    rows = rows_of(top_tracks(summaries, BATCH).where("period = 'all_time'"))
    assert [(row["track_id"], row["plays"], row["minutes"]) for row in rows] == [("a", 2, 0.0), ("b", 1, 0.0)]
