"""What the rivals of the Spark benchmark write for a small table of invented plays."""

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

from benchmarks.spark import rivals
from benchmarks.spark.plays import Shape, write_plays

pytestmark = [pytest.mark.spark, pytest.mark.timeout(300)]


@pytest.fixture
def plays(tmp_path: Path) -> list[dict[str, Any]]:
    """Three listeners' plays of few tracks, lying where the rivals read them."""
    write_plays(rivals.table(tmp_path, "plays"), Shape(listeners=3, plays=2_000, years=3, tracks=60))
    return rows(rivals.table(tmp_path, "plays"))


def rows(directory: Path) -> list[dict[str, Any]]:
    return duckdb.sql(f"FROM '{directory}/*.parquet'").to_arrow_table().to_pylist()


def test_duckdb_writes_the_rows_that_the_job_writes(
    spark: SparkSession, tmp_path: Path, plays: list[dict[str, Any]]
) -> None:
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    rivals.run_job(spark, tmp_path)
    rivals.run_duckdb(tmp_path)
    assert rivals.differing_rows(tmp_path, tmp_path) == {"top_tracks": 0, "tracks": 0}
    listed = [(row["listener_id"], row["track_id"]) for row in rows(rivals.table(tmp_path, "tracks"))]
    assert sorted(listed) == sorted({(play["listener_id"], play["track_id"]) for play in plays})
    periods = Counter(row["period"] for row in rows(rivals.table(tmp_path, "top_tracks")))
    assert periods["all_time"] == periods["last_365_days"] == 3 * 10


def test_listenbrainz_counts_what_is_called_the_same_for_each_listener(
    spark: SparkSession, tmp_path: Path, plays: list[dict[str, Any]]
) -> None:
    rivals.run_listenbrainz(spark, tmp_path)
    names = ("listener_id", "track_id", "artist_id", "album_id", "image_url", "track_name", "artist_name", "album_name")
    counted = [play for play in plays if play["source"] == "api" or play["ms_played"] >= 30_000]
    counts = Counter(tuple(play[name] for name in names) for play in counted)
    for row in rows(tmp_path / "listenbrainz" / "all_time"):
        own = sorted((count for key, count in counts.items() if key[0] == row["listener_id"]), reverse=True)
        assert [track["plays"] for track in row["tracks"]] == own[:10]
        assert row["recordings"] == len(own)


def test_the_floor_writes_every_play(spark: SparkSession, tmp_path: Path, plays: list[dict[str, Any]]) -> None:
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    rivals.run_floor(spark, tmp_path)
    assert sorted(map(repr, rows(tmp_path / "floor"))) == sorted(map(repr, plays))


def test_the_ancestor_counts_the_tracks_of_everybody(
    spark: SparkSession, tmp_path: Path, plays: list[dict[str, Any]]
) -> None:
    rivals.run_ancestor(spark, tmp_path)
    counts = Counter(play["track_id"] for play in plays)
    found = rows(tmp_path / "ancestor")
    assert [row["times_played"] for row in found] == [count for _, count in counts.most_common(10)]
    assert all(counts[row["track_id"]] == row["times_played"] for row in found)
