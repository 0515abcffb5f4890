"""A thousand listeners in one run of ingest, with Spotify in bad weather: `python -m benchmarks.ingest`.

The real functions run in processes of their own, with their own requirements, against the laptop cloud. The first run
finds everything new, the second nearly nothing; every play that a page has shown must then be in the warehouse once.
Exit codes: 0 all holds, 1 something does not or a limit is passed, 2 wrong usage.
"""

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.figures import against_limit, options_of, print_checks
from benchmarks.function_process import Measured
from benchmarks.ingest.world import Weather, World, checks, world

RUN_LIMIT_SECONDS = 120
MEMORY_LIMIT_MIB = 300
_AT_ONCE = 8
"""Listeners that ingest polls side by side."""


def main(arguments: list[str] | None = None) -> int:
    parser = options_of("ingest", __doc__)
    parser.add_argument("--listeners", type=int, default=1000, help="how many (%(default)s)")
    parser.add_argument("--answer-seconds", type=float, default=0.1, help="what each answer takes (%(default)s)")
    parser.add_argument(
        "--busy-share", type=float, default=0.02, help="calls that get 429, Retry-After 1 (%(default)s)"
    )
    parser.add_argument("--broken-share", type=float, default=0.01, help="calls that get 5xx (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same weather (%(default)s)")
    options = parser.parse_args(arguments)
    weather = Weather(options.answer_seconds, options.busy_share, options.broken_share, seed=options.seed)
    with tempfile.TemporaryDirectory() as directory:
        print(f"{options.listeners:,} listeners agree and live until now …", flush=True)
        with world(Path(directory), options.listeners, weather) as there:
            first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
            slots, answers, holds = [first - timedelta(hours=1), first], [], True
            for slot, what in zip(slots, ("everything is new", "everything is known"), strict=True):
                there.routes.answered.clear()
                answer, seconds, measured = there.run(slot)
                answers.append(answer)
                holds &= _print_run(what, answer["reason"], seconds, measured, there, weather)
                seconds, measured = there.deliver()
                print(f"  load: {seconds:.1f} s, {measured.peak_mib:.0f} MiB\n", flush=True)
            return 0 if print_checks(checks(there, slots, answers)) and holds else 1


def _print_run(what: str, reason: str, seconds: float, measured: Measured, there: World, weather: Weather) -> bool:
    answered = there.routes.answered
    waiting = answered.total() * weather.answer_seconds / _AT_ONCE
    pauses = answered[429] * weather.retry_after_seconds
    print(f"{what}: {reason[:200]}")
    print(f"  Spotify answered {', '.join(f'{count:,} × {status}' for status, count in answered.most_common())}")
    print(f"  {waiting:.0f} s are its answers to {_AT_ONCE} at once, at most {pauses:.0f} s its pauses, which all keep")
    against_limit("time", seconds, RUN_LIMIT_SECONDS, "s", f"{measured.cpu_seconds:.1f} s of a processor")
    against_limit("memory (PSS, all processes)", measured.peak_mib, MEMORY_LIMIT_MIB, "MiB")
    return seconds <= RUN_LIMIT_SECONDS and measured.peak_mib <= MEMORY_LIMIT_MIB


if __name__ == "__main__":
    sys.exit(main())
