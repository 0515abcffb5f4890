"""Who is measured: each reads the plays in a directory and writes its tables beside them, all as Parquet.

Spark's rivals take a session; DuckDB needs none.
"""

import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from pyspark.sql import DataFrameReader, DataFrameWriter, SparkSession

from benchmarks.spark.plays import AS_OF

JOB = Path(__file__).parents[2] / "spark_jobs" / "top_tracks.py"
_SAME_ROWS = Path(__file__).parent / "queries" / "same_rows.sql"
_COUNTS = "coalesce(ms_played >= 30000, source = 'api')"
_DAYS = {"last_7_days": 7, "last_28_days": 28, "last_365_days": 365, "all_time": 100 * 365}


def table(directory: Path, name: str) -> Path:
    """Where the job finds and leaves its tables: BigQuery's `project.dataset.table` as a path."""
    return directory / f"benchmark.listening.{name}"


def run_job(session: SparkSession, directory: Path, file: Path = JOB) -> None:
    """The project's own batch, or another version of it in `file`; Parquet takes the place of the connector."""
    [part, *_] = table(directory, "plays").glob("*.parquet")
    table(directory, "catalogue").mkdir()  # an empty one: the invented plays lack nothing that it could add
    pq.write_table(pq.read_schema(part).empty_table(), table(directory, "catalogue") / "empty.parquet")
    job = runpy.run_path(str(file), run_name="job")
    batch = job["Batch"](str(directory / "benchmark"), "listening", "", "benchmark", AS_OF, AS_OF)
    with _parquet_for_bigquery():
        job["refresh_top_tracks"](session, batch, datetime.now(UTC))


@contextmanager
def _parquet_for_bigquery() -> Iterator[None]:
    spark_reader, spark_writer = DataFrameReader.format, DataFrameWriter.format
    DataFrameReader.format = lambda self, source: spark_reader(self, "parquet")  # type: ignore[method-assign]
    DataFrameWriter.format = lambda self, source: spark_writer(self, "parquet")  # type: ignore[method-assign]
    try:
        yield
    finally:
        DataFrameReader.format, DataFrameWriter.format = spark_reader, spark_writer  # type: ignore[method-assign]


def run_listenbrainz(session: SparkSession, directory: Path) -> None:
    """The shape of ListenBrainz's queries (metabrainz/listenbrainz-server,
    listenbrainz_spark/stats/incremental/user/recording.py): per period an aggregate by user and recording, stored, then
    `row_number` per user over what is stored. What it joins from its caches our plays already have as columns.
    """
    session.read.parquet(str(table(directory, "plays"))).createOrReplaceTempView("plays")
    for period, days in _DAYS.items():
        after = (AS_OF - timedelta(days=days)).isoformat()
        aggregate = str(directory / "listenbrainz" / "aggregates" / period)
        session.sql(f"""
            SELECT listener_id, track_id, artist_id, album_id, image_url, count(*) AS plays,
                first(track_name) AS track_name, first(artist_name) AS artist_name, first(album_name) AS album_name
            FROM plays
            WHERE {_COUNTS} AND played_at > TIMESTAMP '{after}' AND played_at <= TIMESTAMP '{AS_OF.isoformat()}'
            GROUP BY listener_id, track_id, artist_id, album_id, image_url,
                lower(track_name), lower(artist_name), lower(album_name)
        """).write.parquet(aggregate)  # noqa: S608 -- constants
        session.read.parquet(aggregate).createOrReplaceTempView("aggregate")
        session.sql("""
            WITH recordings AS (SELECT listener_id, count(*) AS recordings FROM aggregate GROUP BY listener_id),
            ranked AS (
                SELECT *, row_number() OVER (PARTITION BY listener_id ORDER BY plays DESC) AS position FROM aggregate
            ),
            firsts AS (
                SELECT listener_id, sort_array(
                    collect_list(struct(plays, track_id, track_name, artist_name, album_name, image_url)), false
                ) AS tracks
                FROM ranked WHERE position <= 10 GROUP BY listener_id
            )
            SELECT * FROM firsts JOIN recordings USING (listener_id)
        """).write.parquet(str(directory / "listenbrainz" / period))


def run_ancestor(session: SparkSession, directory: Path) -> None:
    """The query of casschow98/spotify_insights_project (airflow/dags/spark/spark_job.py): group, count, order, limit;
    one list for all listeners and all time, and the names of any play.
    """
    session.read.parquet(str(table(directory, "plays"))).createOrReplaceTempView("plays")
    session.sql("""
        SELECT track_id, count(*) AS times_played, first(track_name) AS track_name, first(artist_names) AS artists,
            first(danceability) AS danceability, first(energy) AS energy, first(valence) AS valence
        FROM plays GROUP BY track_id ORDER BY times_played DESC LIMIT 10
    """).write.parquet(str(directory / "ancestor"))


def run_floor(session: SparkSession, directory: Path) -> None:
    """What is left of a batch that moves each play once when it computes nothing."""
    plays = session.read.parquet(str(table(directory, "plays")))
    plays.repartition("listener_id", "track_id").write.parquet(str(directory / "floor"))


def run_duckdb(directory: Path, memory_gib: int = 4) -> None:
    """Both tables with the job's rows, and the count of the plays, by one machine without a cluster."""
    with duckdb.connect(config={"threads": 2, "memory_limit": f"{memory_gib}GiB"}) as connection:
        connection.execute(f"SET temp_directory = '{directory / 'duckdb.tmp'}'; SET TimeZone = 'UTC'")
        text = _SAME_ROWS.read_text().replace("{plays}", f"{table(directory, 'plays')}/*.parquet")
        (directory / "duckdb").mkdir()
        connection.execute(text.replace("{as_of}", AS_OF.isoformat()).replace("{tables}", str(directory / "duckdb")))


def differing_rows(of_job: Path, of_duckdb: Path) -> dict[str, int]:
    """By table, how many of the rows that the two wrote the other has not."""
    found = {}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name in ("top_tracks", "tracks"):
            job, other = f"FROM '{table(of_job, name)}/*.parquet'", f"FROM '{of_duckdb}/duckdb/{name}.parquet'"
            of_one = f"(({job} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {job}))"
            [[found[name]]] = connection.sql(f"SELECT count(*) FROM {of_one}").fetchall()  # noqa: S608 -- our own paths
    return found
