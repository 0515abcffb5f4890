"""Stores the plays of an import: lands a file for each run, and follows the runs through the ledger.

First until load has merged all plays, then to the top ten.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

from cli.commands.import_history.landing import SETTLED, LandedRun, LandingBucket
from cli.commands.import_history.reading.spotify_rows import ExportedPlay
from cli.commands.import_history.records import Import
from cli.commands.import_history.report import Account
from cli.console import CliError, announcer, counted, duration, minute, say
from cli.follow_run import WAITING_FOR, awaited_step, with_failed_batch
from cli.place import Place
from cli.warehouse import Row, Warehouse, instants, integer, string

_DAY = timedelta(days=1)


class Follower:
    """The runs of one import and how long to wait for them."""

    def __init__(self, place: Place, warehouse: Warehouse, runs: Sequence[LandedRun], seconds: float) -> None:
        self._place, self._warehouse, self._runs = place, warehouse, runs
        self._seconds, self._ends_at = seconds, time.monotonic() + seconds

    def loaded(self) -> list[Row]:
        """Each run's row of the step load, once all are there. Raises CliError when one failed or time is over."""
        announce = announcer()
        while True:
            loads = [row for rows in self._rows().values() for row in rows if row["step"] == "load"]
            merged = {row["run_id"]: row for row in loads if row["state"] == "succeeded"}
            failed = [row for row in loads if row["state"] == "failed" and row["run_id"] not in merged]
            if failed:
                counts = f"{len(failed)} could not be merged and {len(merged)} could"
                raise CliError(
                    f"Of {counted(len(self._runs), 'file')}, {counts}: {failed[0]['reason']} Run "
                    f"{self._place.command('runs')}. What was merged stays: with the cause removed, give the files "
                    "again."
                )
            if merged:
                announce(f"… merged {len(merged)} of {counted(len(self._runs), 'file')}")
            if len(merged) == len(self._runs):
                return list(merged.values())
            self._wait("load")

    def finished(self) -> list[Row]:
        """Every row of the runs, once the top ten is there. A batch that failed is among them."""
        announce = announcer()
        while True:
            rows = self._rows()
            awaited = [step for step in map(awaited_step, rows.values()) if step]
            if not awaited:
                return [row for of_run in rows.values() for row in of_run]
            announce(f"… waiting for {WAITING_FOR[awaited[-1]]}")
            self._wait(awaited[-1])

    def _rows(self) -> dict[str, list[Row]]:
        ledger = self._warehouse.steps_since(min(run.slot for run in self._runs))
        return {
            run.run_id: with_failed_batch(self._place, [row for row in ledger if row["run_id"] == run.run_id])
            for run in self._runs
        }

    def _wait(self, step: str) -> None:
        if time.monotonic() > self._ends_at:
            gaps = " Gaps are closed only when the files are given again: do that once load is done."
            raise CliError(
                f"Not finished after {duration(self._seconds)}: the import still waits for {WAITING_FOR[step]}. It "
                f"goes on by itself. To look again, run {self._place.command('runs')}.{gaps if step == 'load' else ''}"
            )
        time.sleep(self._place.poll_seconds)


def store(
    place: Place,
    warehouse: Warehouse,
    account: Account,
    files: Sequence[Sequence[ExportedPlay]],
    started: Import,
    timeout_seconds: float,
) -> Follower | None:
    """Land the plays, wait until they are merged, and enter the outcome in `account`.

    Returns what waits for the top ten; None when nothing was landed.
    """
    follower, waiting = None, []
    for plays, outcomes in zip(files, account.comparison.outcomes, strict=True):
        if outcomes["known"] < len(plays):
            waiting.append(plays)
        else:
            account.add(outcomes)
    if waiting:
        runs = _land(place, warehouse, started, waiting)
        follower = Follower(place, warehouse, runs, timeout_seconds)
        account.runs = follower.loaded()
        for row in account.runs:
            account.add(row["details"])
        account.refused = sum(map(len, waiting)) - sum(row["rows_in"] for row in account.runs)
    return follower


def _land(
    place: Place, warehouse: Warehouse, started: Import, files: Sequence[Sequence[ExportedPlay]]
) -> list[LandedRun]:
    """A run for each file. Stopped half way and started again, it lands only what is not merged yet."""
    bucket, runs = LandingBucket(place), list[LandedRun]()
    for number, file in enumerate(files, start=1):
        started_at = place.now()
        before = runs[-1].slot if runs else started_at - SETTLED
        taken = {row["run_id"] for row in warehouse.steps_since(before - _DAY)}
        run = bucket.land(file, started, started_at, before, taken)
        since, until = minute(file[0].played_at), minute(file[-1].played_at)
        plays = f"{counted(len(file), 'play')} from {since} to {until} UTC"
        reason = f"Export of {started.listener}: {plays}, landed."
        # Last: it stands for the file that is there.
        warehouse.run(
            "add_import",
            *(string("run_id", run.run_id), string("reason", reason), integer("rows", len(file))),
            *instants(slot=run.slot, started_at=run.started_at, finished_at=place.now()),
        )
        say(f"Landed {number} of {len(files)} as run {run.run_id}: {plays}")
        runs.append(run)
    return runs
