"""`make demo`: three invented listeners live through sixteen days of hourly runs, in about a minute.

Real functions, real Spark, simulated time; on a terminal it ends in the dashboard. Every figure of the report is
checked against what the invented Spotify knows to be true; the exit code is 0 only when all of them agree.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from localcloud import dashboard_server, demo_report, supervisor
from localcloud.demo_checks import check_everything
from localcloud.demo_truth import Story, read_truth
from localcloud.processes import Process, ProcessFailed
from localcloud.set_up import ROOT
from localcloud.supervisor import FINALIZED, PUBLISHED, Laptop, Plan

_DATA = ROOT / "build" / "demo"
_HOUR = timedelta(hours=1)
# The schedule fires on the hour and the answer comes a little later.
_LATENESS = timedelta(seconds=20)
_LOAD_SECONDS, _BATCH_SECONDS = 120, 300


class DemoFailed(Exception):  # noqa: N818 -- reads as what happened
    """The pipeline did not do in time what the story needs."""


@dataclass
class Seen:
    """What the one who fires the schedule sees of the runs."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    landing_seconds: list[float] = field(default_factory=list)
    """From the scheduler's call to the plays merged, of each run that landed a file."""


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 every figure is true, 1 something is not or failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    shutil.rmtree(options.data, ignore_errors=True)
    story = Story.until(options.until or datetime.now(UTC), options.days)
    # One batch with the first plays, one at the story's end.
    settings = {"TOP_TRACKS_MIN_INTERVAL_MINUTES": str(options.days * 24 * 60)}
    plan = Plan(options.data, simulated_from=story.starts_at, seed=options.seed, settings=settings)
    print(demo_report.opening(story, options.data), flush=True)
    try:
        with supervisor.running(plan) as (laptop, started):
            seen = _live(laptop, started, story)
            return _close(laptop, started, story, seen, time.monotonic() - began)
    except (DemoFailed, ProcessFailed) as error:
        print(f"\n{error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
    return 1


def _live(laptop: Laptop, started: list[Process], story: Story) -> Seen:
    """Hour after hour, until the last week's batch is submitted and done."""
    seen = Seen()
    for slot in story.slots():
        laptop.clock.set(slot + _LATENESS)
        _happen(laptop, story, slot)
        for process in started:
            process.check()
        for _ in range(2 if slot == story.double_call_at else 1):
            _run(laptop, slot, seen)
        demo_report.show_progress(story, slot, seen.answers)
        if slot >= story.ends_at and _last_batch_is_under_way(laptop, story):
            break
    _wait(laptop, lambda: not laptop.pending()["batches"], _BATCH_SECONDS, "the last batch")
    demo_report.end_progress()
    return seen


def _happen(laptop: Laptop, story: Story, slot: datetime) -> None:
    """What the world does to the pipeline at this hour."""
    if slot == story.rotation_at:
        laptop.control("spotify", "POST", "rotate", {"listener": story.rotated})
    if slot == story.revocation_at:
        laptop.control("spotify", "POST", "revoke", {"listener": story.revoked})
    if slot == story.double_delivery_at:
        laptop.control("google", "POST", "faults", {"match": f"events deliver {FINALIZED}", "action": "twice"})


def _run(laptop: Laptop, slot: datetime, seen: Seen) -> None:
    """One call of the schedule, followed until its plays are merged; what comes after goes on by itself."""
    began = time.perf_counter()
    response = laptop.tick(slot)
    if not response.ok:
        raise DemoFailed(f"ingest answered {response.status_code} at {slot:%Y-%m-%d %H:%M}: {response.text[:500]}")
    answer = response.json()
    if answer["state"] == "succeeded":
        _wait(laptop, lambda: not laptop.undelivered(FINALIZED), _LOAD_SECONDS, f"the load of run {answer['run_id']}")
        seen.landing_seconds.append(time.perf_counter() - began)
    seen.answers.append(answer)


def _last_batch_is_under_way(laptop: Laptop, story: Story) -> bool:
    """Whether a batch is at work that a run at or after the story's end has set off."""
    _wait(laptop, lambda: not laptop.undelivered(PUBLISHED), _BATCH_SECONDS, "the message plays-loaded")
    first = f"top-tracks-{story.ends_at:%Y%m%dt%H%M%Sz}"
    return any(batch_id >= first for batch_id in laptop.pending()["batches"])


def _wait(laptop: Laptop, condition: Any, seconds: float, what: str) -> None:
    if not supervisor.until(condition, seconds):
        raise DemoFailed(f"Waited {seconds} s for {what} in vain. The logs are in {laptop.directory / 'logs'}.")


def _close(laptop: Laptop, started: list[Process], story: Story, seen: Seen, seconds: float) -> int:
    truth = read_truth(laptop, story)
    checks = list(check_everything(laptop, story, truth))
    print(demo_report.report(laptop, story, truth))
    print(demo_report.figures(seen.landing_seconds, _memory(started), seconds))
    failed = [check for check in checks if not check.holds]
    print(demo_report.verdict(checks, failed, laptop.directory), flush=True)
    if not failed and sys.stdout.isatty() and "CI" not in os.environ:
        dashboard_server.serve(laptop)
    return 1 if failed else 0


def _memory(started: list[Process]) -> Iterator[tuple[str, float]]:
    return ((process.name, process.memory_mib()) for process in started if process.name in supervisor.FUNCTIONS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.demo", description=__doc__)
    parser.add_argument("--days", type=int, default=16, help="how long the listeners live, in days (%(default)s)")
    parser.add_argument("--until", type=_instant, help="the instant at which the story ends (now)")
    parser.add_argument("--seed", type=int, default=1, help="which listeners and which music (%(default)s)")
    parser.add_argument("--data", type=Path, default=_DATA, help="where it happens; emptied first (%(default)s)")
    return parser


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an instant like 2026-11-22T10:00:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
