"""`make demo`: three invented listeners with years behind them live through 10 days and one more, in a minute.

Real functions, real Spark, simulated time. Every figure of the report is checked against what the invented Spotify
knows to be true. On a terminal it ends in the dashboard, until Ctrl-C; without one, or with CI=true, every page of the
dashboard is opened once. The exit code is 0 only when every figure is true and no page shows an error.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from localcloud import dashboard, supervisor
from localcloud.demo import pages as demo_pages
from localcloud.demo import report as demo_report
from localcloud.demo.proofs import check_everything, read_truth
from localcloud.demo.story import Story
from localcloud.gcp import scheduler
from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED
from localcloud.gcp.set_up import ROOT
from localcloud.processes import Process, ProcessFailed, call_directly, end_on_signals, end_with_parent, leave
from localcloud.supervisor import AlreadyRunning, Plan, RunningCloud
from localcloud.terminal import instant, plain, spell_out_on_stdout

_DATA = ROOT / "build" / "demo"
_LOAD_SECONDS, _BATCH_SECONDS = 120, 300


class DemoFailed(Exception):
    """The pipeline did not do in time what the story needs."""


@dataclass
class Seen:
    """What the schedule's caller sees of the runs."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    landing_seconds: list[float] = field(default_factory=list)
    """From the scheduler's call to the plays merged, of each run that landed a file."""


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 every figure is true and every page answers, 1 something does not or failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.demo", description=__doc__)
    parser.add_argument(
        "--days", type=int, default=10, help="how many days the listeners live before the last one (%(default)s)"
    )
    parser.add_argument("--until", type=instant, help="the instant at which the story ends (now)")
    parser.add_argument("--seed", type=int, default=1, help="which listeners and which music (%(default)s)")
    parser.add_argument("--data", type=Path, default=_DATA, help="its data directory; emptied first (%(default)s)")
    options = parser.parse_args(arguments)
    if _holds_something_else(options.data):
        parser.error(f"--data {options.data} would be emptied, and holds something else: delete it or name another.")
    began = time.monotonic()
    end_on_signals(insisting=True)
    story = Story.until(options.until or datetime.now(UTC), options.days)
    plan = Plan(
        options.data,
        simulated_from=Story.answered_at(story.past_until),
        seed=options.seed,
        settings={
            # One batch with the past, an hour before the story begins, and one at its end, not an hour before it:
            # that one would count plays beside the runs that bring them.
            "TOP_TRACKS_MIN_INTERVAL_MINUTES": str((options.days * 24 + 1) * 60),
            "AUDIO_FEATURES_SOURCE": "reccobeats",
        },
        consented_at=story.consented_at,
        emptied=True,
    )
    print(demo_report.opening(story, options.data), flush=True)
    try:
        with supervisor.running(plan) as (laptop, started):
            _land_past(laptop, story, options.seed)
            seen = _live(laptop, started, story)
            is_true = _report(laptop, started, story, options.seed, seen, time.monotonic() - began)
            if opens_every_page(os.environ, is_terminal=sys.stdout.isatty()):
                return 0 if is_true and _open_every_page(laptop) else 1
            if is_true:
                _stay(laptop, started)
            return 0 if is_true else 1
    except (AlreadyRunning, DemoFailed, ProcessFailed, OSError) as error:
        print(f"\n{plain(str(error))}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
    return 1


def _holds_something_else(directory: Path) -> bool:
    """Than the data of a laptop cloud, whose first file makes git ignore all of it."""
    ignored = directory / ".gitignore"
    return directory.is_dir() and any(directory.iterdir()) and not (ignored.is_file() and ignored.read_text() == "*\n")


def _land_past(laptop: RunningCloud, story: Story, seed: int) -> None:
    """In ingest's own environment and with its code; ends when load has merged the last file."""
    command = [supervisor.function_python("ingest"), "-m", "localcloud.demo.land_past", "--seed", str(seed)]
    command += ["--until", story.past_until.isoformat(), "--clock", str(supervisor.clock_path(laptop.directory))]
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'functions' / 'ingest'}"}
    log_path = laptop.directory / "logs" / "past.log"
    files = plays = 0
    with (
        log_path.open("w") as log,
        subprocess.Popen(  # noqa: S603 -- our own command
            command,
            env={**os.environ, **laptop.settings, **path},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=end_with_parent,
        ) as landing,
    ):
        try:
            for line in landing.stdout or ():
                files, plays = files + 1, plays + int(line.split()[1])
                demo_report.show_past(files, plays, line.split()[0])
        except BaseException:  # Popen's own end would let it run on
            landing.kill()
            raise
    if landing.returncode:
        raise DemoFailed(f"The past could not be landed. The log: {log_path}\n{log_path.read_text()[-2000:]}")

    def is_loaded() -> bool:
        left = laptop.undelivered(FINALIZED)
        demo_report.show_left(left)
        return not left

    _wait(laptop, is_loaded, _LOAD_SECONDS, "the loads of the past")
    demo_report.end_past(files, plays)


def _live(laptop: RunningCloud, started: list[Process], story: Story) -> Seen:
    """Hour after hour to the present, with a pause in which the last week's batch is done."""
    seen, is_batch_over = Seen(), False
    for slot in story.slots():
        laptop.clock.set(Story.answered_at(slot))
        _happen(laptop, story, slot)
        for process in started:
            process.check()
        for _ in range(2 if slot == story.double_call_at else 1):
            _run(laptop, slot, seen)
        demo_report.show_progress(story, slot, seen.answers)
        if slot >= story.ends_at and not is_batch_over:
            _wait(laptop, lambda: not laptop.undelivered(MESSAGE_PUBLISHED), _BATCH_SECONDS, "the message plays-loaded")
            first = f"top-tracks-{story.ends_at:%Y%m%dt%H%M%Sz}"
            if any(batch_id >= first for batch_id in laptop.pending()["batches"]):
                _wait_for_batches(laptop)
                is_batch_over = True
    _wait_for_batches(laptop)
    demo_report.end_progress()
    return seen


def _happen(laptop: RunningCloud, story: Story, slot: datetime) -> None:
    """What the world does to the pipeline at this hour."""
    if slot == story.rotation_at:
        laptop.control("spotify", "POST", "rotate", {"listener": story.rotated})
    if slot == story.revocation_at:
        laptop.control("spotify", "POST", "revoke", {"listener": story.revoked})
    if slot == story.double_delivery_at:
        laptop.control("google", "POST", "faults", {"match": f"events deliver {FINALIZED}", "action": "twice"})


def _run(laptop: RunningCloud, slot: datetime, seen: Seen) -> None:
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


def _wait_for_batches(laptop: RunningCloud) -> None:
    _wait(laptop, lambda: not laptop.pending()["batches"], _BATCH_SECONDS, "the last batch")


def _wait(laptop: RunningCloud, condition: Callable[[], bool], seconds: float, what: str) -> None:
    if not supervisor.until(condition, seconds):
        raise DemoFailed(f"Not done within {seconds} s: {what}. The logs are in {laptop.directory / 'logs'}.")


def _report(laptop: RunningCloud, started: list[Process], story: Story, seed: int, seen: Seen, seconds: float) -> bool:
    """Prints the figures; whether all of them are true."""
    truth = read_truth(laptop, story, seed)
    checks = list(check_everything(laptop, story, truth))
    print(demo_report.report(laptop, story, truth))
    memory = ((each.name, each.memory_mib()) for each in started if each.name in supervisor.FUNCTIONS)
    print(demo_report.figures(seen.landing_seconds, memory, seconds))
    failed = [check for check in checks if not check.holds]
    print(demo_report.verdict(checks, failed, laptop.directory), flush=True)
    return not failed


def opens_every_page(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether the demo ends by opening each page once: where no person could look at the dashboard."""
    return not is_terminal or environ.get("CI", "").lower() not in ("", "0", "false")


def _open_every_page(laptop: RunningCloud) -> bool:
    print("\nOpening every page of the dashboard in Streamlit's AppTest:", flush=True)
    faults = 0
    for opened in demo_pages.open_pages(laptop):
        print(demo_report.page(opened), flush=True)
        faults += opened.fault is not None
    print(demo_report.verdict_on_pages(faults), flush=True)
    return not faults


def _stay(laptop: RunningCloud, started: list[Process]) -> None:
    """Until Ctrl-C. Time is real from now on, and the schedule calls every hour as before."""
    laptop.clock.set(datetime.now(UTC))
    with dashboard.serving(laptop) as server:
        print(f"\nThe dashboard: {server.url} (Ctrl-C stops everything)", flush=True)
        try:
            slot = scheduler.full_hour(datetime.now(UTC))
            while True:
                time.sleep(1)
                for process in (*started, server):
                    process.check()
                if datetime.now(UTC) >= slot + timedelta(hours=1):
                    slot = scheduler.full_hour(datetime.now(UTC))
                    laptop.tick(slot)
        except KeyboardInterrupt:
            print("\nStopped.")


if __name__ == "__main__":
    spell_out_on_stdout()
    call_directly()
    leave(main())
