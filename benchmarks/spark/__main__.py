"""How long the Spark job takes for top ten, tracks and counts, and what others need: `python -m benchmarks.spark`.

Question: what does one pass of Spark over all plays cost, and what would something simpler? Every round runs, one after
the other and each in a process of its own with two cores: the job; DuckDB, which writes the same rows (this is
checked); ListenBrainz's way (an aggregate by user and recording, stored, then row_number per user, once per period: no
tracks, no ISRCs, nothing taken once); the ancestor's way (group, count, order, limit: one list for all listeners); and
the floor, which only reads the plays, moves each once and writes it: no Spark job that moves plays can take less.
Data: invented plays as Parquet files, see plays.py. Seconds are net of the start of Spark's session and of a first run
on few plays, in which the JVM loads and compiles; that run's own seconds are what a household's batch takes.
Exit codes: 0 done, 1 rows differ, 2 wrong usage.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.figures import introduce, options_of, spread
from benchmarks.spark import rivals
from benchmarks.spark.plays import Shape, write_plays
from benchmarks.spark.process import SMALL, SPARK_RIVALS, Measured, measure

_SHAPES = ["200,300000,5,20000", "5,300000,10,6000"]


def main(arguments: list[str] | None = None) -> int:
    parser = options_of("spark", __doc__)
    parser.add_argument(
        "--shape",
        type=Shape.parse,
        action="append",
        metavar="LISTENERS,PLAYS,YEARS,TRACKS",
        help=f"size of the plays, may be repeated ({' and '.join(_SHAPES)})",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (%(default)s)")
    parser.add_argument("--memory-gib", type=int, default=4, help="for the JVM, and for DuckDB (%(default)s)")
    parser.add_argument(
        "--rival", action="append", choices=SPARK_RIVALS, help="beside duckdb; may be repeated (all of them)"
    )
    parser.add_argument(
        "--against", action="append", default=[], metavar="FILE", help="another version of the job, measured beside it"
    )
    options = parser.parse_args(arguments)
    introduce(__doc__)
    print(f"Medians of {options.rounds} rounds (least to most); {options.memory_gib} GiB for each rival")
    differing = 0
    for shape in options.shape or map(Shape.parse, _SHAPES):
        with tempfile.TemporaryDirectory() as directory:
            differing += _compare(shape, Path(directory), options)
    return 1 if differing else 0


def _compare(shape: Shape, directory: Path, options: argparse.Namespace) -> int:
    """Prints the table of one shape; returns how many rows the job and DuckDB do not share."""
    size = write_plays(directory / "plays", shape)
    print(f"\n{shape}: {size / 1e6:,.0f} MB of Parquet\n", flush=True)
    who = {"the job": str(rivals.JOB), **{file: file for file in options.against}}
    who |= {name: name for name in ("duckdb", *SPARK_RIVALS) if name in ("duckdb", *(options.rival or SPARK_RIVALS))}
    runs: dict[str, list[Measured]] = {name: [] for name in who}
    differing = 0
    for number in range(1, options.rounds + 1):
        for place, (name, rival) in enumerate(who.items()):
            print(f"Round {number} of {options.rounds}: {name}", file=sys.stderr, flush=True)
            here = directory / str(place)
            here.mkdir()
            rivals.table(here, "plays").symlink_to(directory / "plays")
            runs[name].append(measure(rival, here, options.memory_gib))
        job, duckdb = (directory / str(list(who).index(name)) for name in ("the job", "duckdb"))
        found = rivals.differing_rows(job, duckdb)
        differing += sum(found.values())
        for place in range(len(who)):
            shutil.rmtree(directory / str(place))
    _print_table(runs)
    print(f"\nRows that the job and DuckDB do not share, all rounds together: {differing}", flush=True)
    return differing


def _print_table(runs: dict[str, list[Measured]]) -> None:
    job = runs["the job"]
    print(
        f"| | seconds | × the job | processor | × the job | session's start | {SMALL.plays:,} plays first | read",
        end="",
    )
    print(" | shuffled | spilled | memory |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, measured in runs.items():
        cells = [spread(_values(measured, "seconds")), _ratio(measured, "seconds", job)]
        cells += [spread(_values(measured, "cpu_seconds")), _ratio(measured, "cpu_seconds", job)]
        cells += [_middle(measured, "start_seconds", ".1f"), _middle(measured, "small_seconds", ".1f")]
        cells += [_middle(measured, f"{size}_mib", ",.0f", " MiB") for size in ("read", "shuffled", "spilled", "peak")]
        print(f"| {name} | {' | '.join(cells)} |")
        if measured[0].top_ten_seconds is not None:
            top_ten = median(run.top_ten_seconds / run.seconds for run in measured if run.top_ten_seconds is not None)
            print(f"| {name}, until its top ten is written | | {top_ten * float(cells[1]):.2f} | | | | | | | | |")


def _values(measured: list[Measured], figure: str) -> list[float]:
    return [value for run in measured if (value := getattr(run, figure)) is not None]


def _ratio(measured: list[Measured], figure: str, job: list[Measured]) -> str:
    return f"{median(_values(measured, figure)) / median(_values(job, figure)):.2f}"


def _middle(measured: list[Measured], figure: str, form: str, unit: str = "") -> str:
    values = _values(measured, figure)
    return f"{median(values):{form}}{unit}" if values else "–"


if __name__ == "__main__":
    sys.exit(main())
