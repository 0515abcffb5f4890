"""A thousand listeners in one run of ingest, with Spotify in bad weather: `python -m benchmarks.ingest`.

The real functions run in processes of their own, with their own requirements, against the laptop cloud. The first run
finds everything new, the second nearly nothing; every play that a page has shown must then be in the warehouse once.
Exit codes: 0 all holds, 1 something does not or a limit is passed, 2 wrong usage.
"""

import argparse
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.function_process import Measured
from benchmarks.ingest.world import Weather, World, checks, world

RUN_LIMIT_SECONDS = 120
MEMORY_LIMIT_MIB = 300
_AT_ONCE = 8
"""Listeners that ingest visits side by side."""


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    weather = Weather(options.answer_seconds, options.busy_share, options.broken_share, seed=options.seed)
    with tempfile.TemporaryDirectory() as directory:
        print(f"{options.listeners:,} listeners agree and live until now …", flush=True)
        with world(Path(directory), options.listeners, weather) as there:
            return _measure(there, weather)


def _measure(there: World, weather: Weather) -> int:
    first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    slots, answers, holds = [first - timedelta(hours=1), first], [], True
    for slot, what in zip(slots, ("everything is new", "everything is known"), strict=True):
        there.routes.answered.clear()
        answer, seconds, measured = there.run(slot)
        answers.append(answer)
        holds &= _print_run(what, answer["reason"], seconds, measured, there, weather)
        seconds, measured = there.deliver()
        print(f"  load: {seconds:.1f} s, {measured.peak_mib:.0f} MiB\n", flush=True)
    outcomes = list(checks(there, slots, answers))
    for check in outcomes:
        found = "" if check.holds else f": must be {str(check.expected)[:200]}, is {str(check.found)[:200]}"
        print(f"  {'✓' if check.holds else '✗'} {check.name}{found}")
    return 0 if holds and all(check.holds for check in outcomes) else 1


def _print_run(what: str, reason: str, seconds: float, measured: Measured, there: World, weather: Weather) -> bool:
    answered = there.routes.answered
    waiting = answered.total() * weather.answer_seconds / _AT_ONCE
    pauses = answered[429] * weather.retry_after_seconds
    print(f"{what}: {reason[:200]}")
    print(f"  Spotify answered {', '.join(f'{count:,} × {status}' for status, count in answered.most_common())}")
    print_limit(
        "time", seconds, RUN_LIMIT_SECONDS, "s", f"{waiting:.0f} s of it Spotify's answers to {_AT_ONCE} at once"
    )
    print(f"  {'':28} and at most {pauses:.0f} s its pauses, which all threads keep")
    print_limit("memory (PSS, all processes)", measured.peak_mib, MEMORY_LIMIT_MIB, "MiB")
    print(f"  {'processor time':28} {measured.cpu_seconds:7.1f} s", flush=True)
    return seconds <= RUN_LIMIT_SECONDS and measured.peak_mib <= MEMORY_LIMIT_MIB


def print_limit(name: str, value: float, limit: float, unit: str, more: str = "") -> None:
    print(f"  {name:28} {value:7.1f} {unit:4} limit {limit:g}  {'ok' if value <= limit else 'OVER'}  {more}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ingest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listeners", type=int, default=1000, help="how many (%(default)s)")
    parser.add_argument("--answer-seconds", type=float, default=0.1, help="what each answer takes (%(default)s)")
    parser.add_argument(
        "--busy-share", type=float, default=0.02, help="calls that get 429, Retry-After 1 (%(default)s)"
    )
    parser.add_argument("--broken-share", type=float, default=0.01, help="calls that get 5xx (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same weather (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
