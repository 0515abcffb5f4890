"""Fires the schedule once, out of turn, and follows the run through the ledger to its end."""

import argparse
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from cli import schedule
from cli.console import CliError, duration, one_line, print_json, say, seconds, show
from cli.follow_run import awaited_step, outcome, waiting_for, with_failed_batch
from cli.place import Place
from cli.schedule import Fired
from cli.warehouse import Row, Warehouse

HELP = "Fire the schedule once and follow the run to its end"

# The run's slot is the moment in which it began; a late retry of the schedule, which does as well, has an earlier one.
_SLOTS_READ = timedelta(days=1)
# A run that fails before it can write to the ledger would be awaited for ever.
_INGEST_SECONDS = 300.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=seconds, default=1200, metavar="SECONDS", help="how long to follow the run (%(default)s)"
    )


def run(options: argparse.Namespace, place: Place) -> int:
    say("Firing the schedule …")
    fired = schedule.fire(place)
    tell: Callable[[str], None] = say if options.json else show
    rows: list[Row] = []
    for row in _new_rows(place, fired, options.timeout):
        tell(f"{row['run_id']}  {row['step']:<10}  {row['state']:<9}  {one_line(row['reason'] or '')}")
        rows.append(row)
    state = outcome(rows)
    if options.json:
        print_json({"run_id": rows[0]["run_id"], "state": state, "steps": rows})
    return 1 if state == "failed" else 0


def _new_rows(place: Place, fired: Fired, seconds: float) -> Iterator[Row]:
    """The run's rows one after the other, until no more will come. Raises CliError when the time is over."""
    warehouse, began = Warehouse(place), time.monotonic()
    shown, announced = 0, None
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
        if awaited != announced:
            say(f"… waiting for {waiting_for(awaited)}")
        announced = awaited
        time.sleep(place.poll_seconds)


def _late(step: str, seconds: float, place: Place) -> str:
    if step == "ingest":
        return (
            f"No new run shows in the ledger after {duration(seconds)}: ingest does not answer, or fails before it can "
            f"record why. Its log says more; {place.command('runs')} shows whether the run comes late."
        )
    return (
        f"The run has not finished after {duration(seconds)}: it still waits for {waiting_for(step)}. "
        f"It goes on by itself; look again with {place.command('runs')}"
    )
