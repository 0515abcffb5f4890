"""`python -m tests.faults`: storms against the whole pipeline in simulated time, and what became of every play."""

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence

from localcloud.processes import call_directly, end_on_signals
from tests.faults.campaign import Failure, Tally, run_campaign, tally_of
from tests.faults.checks import problems
from tests.faults.storms import KINDS, Storm, draw
from tests.faults.world import open_world


def main() -> int:
    options = _options()
    end_on_signals()
    call_directly()
    if options.replay:
        return _replay(*options.replay, with_spark=options.spark > 0)
    print(
        f"{options.schedules} storms from seed {options.seed} on, {options.processes} at a time; Ctrl-C stops.",
        flush=True,
    )
    started, total, failures, is_stopped = time.monotonic(), Tally(), 0, False
    try:
        for tally, failed in run_campaign(options.seed, options.schedules, options.spark, options.processes):
            total, failures = total + tally, failures + len(failed)
            for failure in failed:
                _tell_failure(failure)
            seconds, troubles = time.monotonic() - started, sum(total.struck.values())
            counts = f"{total.storms:>6} storms {seconds:>6.0f} s {total.plays:>9,} plays {troubles:>7,} troubles"
            print(f"  {counts}", flush=True)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        is_stopped = True
    _tell_total(total)
    print(f"{failures} of {total.storms} storms broke a promise." if failures else "Every promise was kept.")
    return 130 if is_stopped else min(failures, 1)


def _replay(seed: int, parts: Sequence[int] | None, *, with_spark: bool) -> int:
    whole = draw(seed)
    unknown = [part for part in parts or () if part not in range(whole.parts)]
    if unknown:
        print(f"The storm of seed {seed} has the parts 0 to {whole.parts - 1}, not {unknown}.", file=sys.stderr)
        return 2
    storm = whole if parts is None else whole.keep(parts)
    _tell_storm(storm)
    with open_world() as world:
        evidence = world.run(storm, with_spark=with_spark)
    found = problems(evidence)
    print(*(found or ["Every promise was kept."]), sep="\n")
    _tell_total(tally_of(evidence))
    return 1 if found else 0


def _tell_failure(failure: Failure) -> None:
    print(f"\nThe storm of seed {failure.seed} broke a promise. The smallest that still does:")
    _tell_storm(failure.storm)
    print(*failure.problems[:10], sep="\n")
    print(f"Again: {failure.replay}\n", flush=True)


def _tell_storm(storm: Storm) -> None:
    print(f"  {storm.hours} hours, then quiet slots at {storm.quiet_slots}")
    for part in (*storm.listening, *storm.troubles):
        print(f"  {part}")


def _tell_total(total: Tally) -> None:
    print(f"\n{'trouble that struck':<52} times")
    for kind in KINDS:
        print(f"  {kind:<50} {total.struck[kind]:>6,}")
    print(
        f"\n{total.storms:,} storms, {total.calls:,} calls of ingest, {sum(total.struck.values()):,} troubles: "
        f"{total.plays:,} plays played, {total.stored:,} stored, {total.doubled:,} doubled, {total.lost:,} lost, "
        f"{total.repaired:,} repaired, {total.missed:,} that no finished run was ever shown."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--schedules", type=_count, default=200, help="how many storms (default: 200)")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the first; the next have the next seeds (default: 0)"
    )
    parser.add_argument(
        "--processes", type=_count, default=os.cpu_count() or 1, help="how many at a time (default: one per core)"
    )
    parser.add_argument(
        "--spark",
        type=int,
        default=0,
        help="in how many of them batches run on Spark (default: none); more than none: in a replay, too",
    )
    parser.add_argument(
        "--replay", type=_replayed, metavar="SEED[:PARTS]", help="one storm again, or some of its parts"
    )
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _replayed(text: str) -> tuple[int, list[int] | None]:
    if not re.fullmatch(r"\d+(:\d+(,\d+)*)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form SEED or SEED:PART,PART,…")
    seed, _, parts = text.partition(":")
    return int(seed), [int(part) for part in parts.split(",")] if parts else None


if __name__ == "__main__":
    sys.exit(main())
