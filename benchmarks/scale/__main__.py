"""Counting all plays again against keeping partial counts: `python -m benchmarks.scale`.

Question: docs/scale.md says that past some thousand listeners the batch must not count all plays again. What do
partial counts save? *Full*: count every play. *Partial*: plays older than 730 days, which no period but `all_time`
sees, are counted once and stored per listener and track; each batch counts the rest and adds what is stored. *Active
only*: besides, only listeners who have played since the last batch, a tenth, are counted; the others' rows stay.
Each counts per listener and track with DuckDB, two threads, from unsorted Parquet files. The counts of *full*
and *partial* are compared.
Exit codes: 0 done, 1 counts differ, 2 wrong usage.
"""

import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

import duckdb

from benchmarks.figures import introduce, options_of, spread
from benchmarks.spark.plays import AS_OF, Shape, write_plays

_COUNT = (Path(__file__).parent / "queries" / "count_plays.sql").read_text().replace("{as_of}", AS_OF.isoformat())
_HORIZON = (AS_OF - timedelta(days=730)).isoformat()
_PERIODS = [f"{name}_{days}" for days in (7, 28, 365) for name in ("plays", "plays_before", "ms")]
_ACTIVE = "hash(listener_id) % 10 = 0"


def main(arguments: list[str] | None = None) -> int:
    parser = options_of("scale", __doc__)
    parser.add_argument(
        "--shape",
        type=Shape.parse,
        default=Shape(1000, 10_000_000, 10, 100_000),
        metavar="LISTENERS,PLAYS,YEARS,TRACKS",
        help="size of the plays (%(default)s)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (%(default)s)")
    options = parser.parse_args(arguments)
    introduce(__doc__)
    print(f"Medians of {options.rounds} rounds (least to most)\n{options.shape}")
    with tempfile.TemporaryDirectory() as name, duckdb.connect(config={"threads": 2, "memory_limit": "6GiB"}) as there:
        there.execute(f"SET temp_directory = '{name}/scratch'; SET TimeZone = 'UTC'")
        size = write_plays(Path(name) / "plays", options.shape)
        plays = f"'{name}/plays/*.parquet'"
        _store(there, _counted(f"(FROM {plays} WHERE played_at <= '{_HORIZON}')"), Path(name) / "old.parquet")
        print(
            f"plays: {size / 1e6:,.0f} MB; stored counts: {(Path(name) / 'old.parquet').stat().st_size / 1e6:,.0f} MB\n"
        )
        newer = f"(FROM {plays} WHERE played_at > '{_HORIZON}')"
        active = f"(FROM {plays} WHERE played_at > '{_HORIZON}' AND {_ACTIVE})"
        old = f"'{name}/old.parquet'"
        ways = {
            "full": _counted(plays),
            "partial": _added(_counted(newer), f"FROM {old}"),
            "active only": _added(_counted(active), f"FROM {old} WHERE {_ACTIVE}"),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, sql in ways.items():
                seconds[way].append(_store(there, sql, Path(name) / f"{way}.parquet"))
        print("| way | seconds | × full |\n| --- | --- | --- |")
        for way, values in seconds.items():
            print(f"| {way} | {spread(values)} | {median(values) / median(seconds['full']):.2f} |")
        full, partial = (f"FROM '{name}/{way}.parquet'" for way in ("full", "partial"))
        differing = f"(({full} EXCEPT ALL {partial}) UNION ALL ({partial} EXCEPT ALL {full}))"
        [[rows]] = there.sql(f"SELECT count(*) FROM {differing}").fetchall()  # noqa: S608 -- our own paths
    print(f"\nRows that full and partial do not share: {rows}")
    return 1 if rows else 0


def _counted(plays: str) -> str:
    return _COUNT.replace("{plays}", plays)


def _added(counted: str, stored: str) -> str:
    """The counts of newer plays and those that are stored of older ones, which lie in no period."""
    periods = ", ".join(f"sum({name}) AS {name}" for name in _PERIODS)
    return f"""
        SELECT listener_id, track_id, sum(plays) AS plays, sum(ms) AS ms, min(first_played_at) AS first_played_at,
            max(last_played_at) AS last_played_at, {periods}
        FROM (({counted}) UNION ALL BY NAME ({stored})) GROUP BY listener_id, track_id
    """  # noqa: S608 -- our own statements


def _store(there: duckdb.DuckDBPyConnection, sql: str, path: Path) -> float:
    began = time.perf_counter()
    there.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
