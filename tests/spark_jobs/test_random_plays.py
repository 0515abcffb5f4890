"""Random plays against a recount that shares no line with the job, and against the job itself in another order."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from localcloud.demo import recount
from spark_jobs.top_tracks import by_track, top_tracks
from tests.spark_jobs.frames import AS_OF, BATCH, play, plays_frame, rows_of, summaries_frame, text

pytestmark = pytest.mark.spark

EDGES = [timedelta(days=days) for days in (0, 7, 14, 28, 56, 365, 730)]
LISTENERS = 150


def random_plays(seed: int) -> list[dict[str, Any]]:
    """Listeners from a single play to a few hundred, with many ties and many plays on the edges of periods."""
    dice = random.Random(seed)
    plays = {}
    for number in range(LISTENERS):
        tracks = [f"t{n:02d}" for n in range(dice.choice([1, 3, 15, 40]))]
        for _ in range(dice.choice([1, 3, 12, 60, 300])):
            row = random_play(dice, f"listener-{number:03d}", dice.choice(tracks))
            plays[row["listener_id"], row["played_at"], row["track_id"]] = row
    return sorted(plays.values(), key=lambda row: row["played_at"])


def random_play(dice: random.Random, listener: str, track: str) -> dict[str, Any]:
    near_an_edge = dice.choice(EDGES) + dice.choice([-1, 0, 1]) * timedelta(milliseconds=dice.choice([1, 60_000]))
    anywhere = timedelta(milliseconds=dice.randrange(-(10**6), 10 ** dice.choice([8, 9, 10, 11])))
    source = dice.choice(["api", "api", "export"])
    # Every third recording has two track ids; a play has its ISRC or not.
    isrc = dice.choice([f"ISRC{int(track[1:]) // 2 * 2}", None, ""]) if int(track[1:]) % 6 < 4 else None
    return play(
        track,
        dice.choice([near_an_edge, anywhere]),
        listener_id=listener,
        isrc=isrc,
        image_url=dice.choice([None, "https://i.scdn.co/image/1"]),
        duration_ms=dice.choice([None, 60_000, 200_281]),
        ms_played=dice.choice([None, 29_999, 30_000, 30_001]),
        source=source,
    )


def recounted(plays: list[dict[str, Any]]) -> list[dict[str, Any]]:
    computed = {"computed_at": text(AS_OF), "run_id": BATCH.run_id}
    instants = ("first_played_at", "last_played_at", "as_of")
    rows = recount.top_tracks(plays, AS_OF)
    return [{**row, **{name: text(row[name]) for name in instants}, **computed} for row in rows]


def test_random_plays_give_the_table_that_a_recount_in_plain_python_gives(spark: SparkSession) -> None:
    plays = random_plays(seed=20261122)
    assert rows_of(top_tracks(summaries_frame(spark, plays), BATCH)) == recounted(plays)


def test_the_file_is_the_same_to_the_byte_whatever_the_order_repetition_and_partitions_of_the_plays(
    spark: SparkSession, tmp_path: Path
) -> None:
    plays = random_plays(seed=1)
    again = plays + plays[::3]
    random.Random(2).shuffle(again)
    top_tracks(summaries_frame(spark, plays), BATCH).coalesce(1).write.parquet(str(tmp_path / "one"))
    top_tracks(by_track(plays_frame(spark, again).repartition(5), AS_OF), BATCH).coalesce(1).write.parquet(
        str(tmp_path / "two")
    )
    [one], [two] = (list((tmp_path / name).glob("*.parquet")) for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
