"""Fires the schedule once, out of turn, and follows the run through the ledger to its end."""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from cli import google_clients
from cli.console import CliError, Misused, announcer, duration, one_line, print_json, say, seconds, show
from cli.follow_run import WAITING_FOR, awaited_step, outcome, with_failed_batch
from cli.place import Place
from cli.warehouse import Row, Warehouse

HELP = "Fire the schedule once and follow the run to its end"

JOB = "ingest-hourly"
"""The job that terraform/schedule.tf makes."""

_SCHEDULER = "https://cloudscheduler.googleapis.com"
# Clocks of two of Google's machines may differ by this much.
_TOLERANCE = timedelta(seconds=2)
# The run's slot is the moment in which it began; a late retry of the schedule, which does as well, has an earlier one.
_SLOTS_READ = timedelta(days=1)
# A run that fails before it can write to the ledger would be awaited without end.
_INGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Fired:
    """How to know the run: by its id, or, where no answer contains it, by its slot, the moment in which it began."""

    run_id: str | None
    at: datetime

    def rows_of_run(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the ledger's rows that are this run's."""
        begun = (row for row in rows if row["step"] == "ingest" and row["slot"] >= self.at - _TOLERANCE)
        run_id = self.run_id or next((row["run_id"] for row in begun), None)
        return [row for row in rows if row["run_id"] == run_id]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=1200,
        metavar="SECONDS",
        help=f"how long to follow the run (%(default)s); {_INGEST_SECONDS:.0f} at most until ingest is in the ledger",
    )


def run(options: argparse.Namespace, place: Place) -> int:
    say("Firing the schedule …")
    fired = _fire(place)
    tell: Callable[[str], None] = say if options.json else show
    rows: list[Row] = []
    for row in _new_rows(place, fired, options.timeout):
        tell(f"{row['run_id']}  {row['step']:<10}  {row['state']:<9}  {one_line(row['reason'] or '')}")
        rows.append(row)
    state = outcome(rows)
    if options.json:
        print_json({"run_id": rows[0]["run_id"], "state": state, "steps": rows})
    return 1 if state == "failed" else 0


def _fire(place: Place) -> Fired:
    """By Cloud Scheduler in the cloud, by its stand-in on the laptop."""
    if laptop := place.laptop:
        fired_at, answer = laptop.clock.now(), laptop.run_now()
        try:
            return Fired(str(answer.json()["run_id"]), fired_at)
        except (ValueError, KeyError, TypeError):
            log = laptop.directory / "logs" / "ingest.log"
            output = f"ingest answered with status {answer.status_code} and no run. Its log: {log}"
            raise CliError(output) from None
    endpoint = place.endpoint("CLOUDSCHEDULER_EMULATOR_HOST")
    if endpoint is None and place.endpoint("SECRETMANAGER_EMULATOR_HOST"):
        raise Misused("These settings are of a laptop cloud, which Cloud Scheduler cannot call: give --laptop")
    job = f"projects/{place.project}/locations/{place.region}/jobs/{JOB}"
    response = google_clients.call(place, "POST", f"{endpoint or _SCHEDULER}/v1/{job}:run", json={})
    # The ledger is written with Google's clock, which this computer's need not agree with.
    date = response.headers.get("Date")
    return Fired(None, parsedate_to_datetime(date) if date else datetime.now(UTC))


def _new_rows(place: Place, fired: Fired, seconds: float) -> Iterator[Row]:
    """The run's rows one after the other, until no more will come. Raises CliError when the time is over."""
    warehouse, began, announce, shown = Warehouse(place), time.monotonic(), announcer(), 0
    while True:
        rows = fired.rows_of_run(warehouse.steps_since(fired.at - _SLOTS_READ))
        rows = with_failed_batch(place, rows)
        yield from rows[shown:]
        shown, awaited = len(rows), awaited_step(rows)
        if awaited is None:
            return
        limit = min(seconds, _INGEST_SECONDS) if awaited == "ingest" else seconds
        if time.monotonic() - began > limit:
            raise CliError(_late(awaited, limit, place))
        announce(f"… waiting for {WAITING_FOR[awaited]}")
        time.sleep(place.poll_seconds)


def _late(step: str, seconds: float, place: Place) -> str:
    if step == "ingest":
        return (
            f"No new run shows in the ledger after {duration(seconds)}: ingest does not answer, or fails before it can "
            f"record why. Its log says more. To see whether the run comes late, run {place.command('runs')}."
        )
    return (
        f"The run has not finished after {duration(seconds)}: it still waits for {WAITING_FOR[step]}. "
        f"It goes on by itself. To look again, run {place.command('runs')}."
    )
