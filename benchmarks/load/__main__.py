"""A year of a heavy household, landed twice in files of a day and in random order: `python -m benchmarks.load`.

The real function load takes each file, the real Spark job counts the top ten; then every play must be there once.
Exit codes: 0 all holds, 1 something does not, 2 wrong usage.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from benchmarks.figures import options_of, print_checks
from benchmarks.function_process import Measured
from benchmarks.load.world import checks, household, top_ten_checks, world

_TENTHS = 10


def main(arguments: list[str] | None = None) -> int:
    parser = options_of("load", __doc__)
    parser.add_argument("--listeners", type=int, default=5, help="how many live together (%(default)s)")
    parser.add_argument("--plays-each", type=int, default=40_000, help="plays of each of them (%(default)s)")
    parser.add_argument("--days", type=int, default=365, help="days that the plays span (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="order of the files (%(default)s)")
    options = parser.parse_args(arguments)
    rows = household(options.listeners, options.plays_each, options.days)
    print(f"{len(rows):,} plays of {options.listeners} listeners in {options.days} days", flush=True)
    with tempfile.TemporaryDirectory() as directory, world(Path(directory)) as there:
        began = time.perf_counter()
        with Measured(there.load) as measured:
            for count in there.load_twice(rows, options.seed):
                if sys.stderr.isatty():
                    files = f"{count} of about {2 * options.days} files loaded"
                    print(f"\r  {files}", end="", file=sys.stderr, flush=True)
        _print_figures(time.perf_counter() - began, there.cpu_seconds, measured)
        began = time.perf_counter()
        outcomes = [*chain(checks(there, rows), top_ten_checks(there, rows))]
        print(f"  counting again and one batch: {time.perf_counter() - began:.0f} s\n")
    return 0 if print_checks(outcomes) else 1


def _print_figures(seconds: float, cloud_cpu_seconds: Sequence[float], measured: Measured) -> None:
    """Growth is measured in processor time, so that a busy laptop does not count."""
    files, by_tenths = len(cloud_cpu_seconds), tenths(cloud_cpu_seconds)
    print(f"\n  {files} files in {seconds:.0f} s; load's memory (PSS, all processes): {measured.peak_mib:.0f} MiB")
    print(
        f"  processor time of a file: load {1000 * measured.cpu_seconds / files:.0f} ms, the laptop cloud, by tenths of"
    )
    print(
        f"  the files: {', '.join(f'{1000 * value:.0f}' for value in by_tenths)} ms; with the whole year in the table"
    )
    print(f"  {by_tenths[-1] / by_tenths[0]:.1f} times what it was in the beginning")


def tenths(seconds: Sequence[float]) -> list[float]:
    size = max(1, len(seconds) // _TENTHS)
    return [statistics.median(seconds[start : start + size]) for start in range(0, len(seconds), size)]


if __name__ == "__main__":
    sys.exit(main())
