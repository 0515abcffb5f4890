"""Follows the runs of one import through the ledger: first until all plays are merged, then to the top ten."""

import time
from collections.abc import Sequence

from cli import batch_state
from cli.commands.import_history.plays_files import Run
from cli.console import say
from cli.errors import CliError
from cli.follow_run import awaited_step, waiting_for
from cli.place import Place
from cli.warehouse import Row, Warehouse

_CLOUD_SECONDS, _LAPTOP_SECONDS = 5.0, 0.5


class Follower:
    """The runs of one import and how long to wait for them."""

    def __init__(self, place: Place, warehouse: Warehouse, runs: Sequence[Run], seconds: float) -> None:
        self._place, self._warehouse, self._runs = place, warehouse, runs
        self._seconds, self._ends_at = seconds, time.monotonic() + seconds

    def loaded(self) -> list[Row]:
        """Each run's row of the step load, once all are there. Raises CliError when one failed or time is over."""
        told = 0
        while True:
            loads = [row for rows in self._rows().values() for row in rows if row["step"] == "load"]
            merged = {row["run_id"]: row for row in loads if row["state"] == "succeeded"}
            failed = [row for row in loads if row["state"] == "failed" and row["run_id"] not in merged]
            if failed:
                raise CliError(_failed(failed, len(merged), len(self._runs), self._place))
            if len(merged) > told:
                say(f"… {len(merged)} of {len(self._runs)} files are merged")
                told = len(merged)
            if len(merged) == len(self._runs):
                return list(merged.values())
            self._wait("load")

    def finished(self) -> list[Row]:
        """Every row of the runs, once the top ten is there. A batch that failed is among them."""
        announced = None
        while True:
            rows = self._rows()
            awaited = [step for step in map(awaited_step, rows.values()) if step]
            if not awaited:
                return [row for of_run in rows.values() for row in of_run]
            if awaited[-1] != announced:
                say(f"… waiting for {waiting_for(awaited[-1])}")
                announced = awaited[-1]
            self._wait(awaited[-1])

    def _rows(self) -> dict[str, list[Row]]:
        ledger = self._warehouse.steps_since(min(run.slot for run in self._runs))
        return {
            run.run_id: batch_state.with_failed_batch(
                self._place, [row for row in ledger if row["run_id"] == run.run_id]
            )
            for run in self._runs
        }

    def _wait(self, step: str) -> None:
        if time.monotonic() > self._ends_at:
            raise CliError(
                f"Not finished after {self._seconds:.0f} s: the import still waits for {waiting_for(step)}. It goes on "
                f"by itself; look again with {self._place.command('runs')}. Giving the files again does no harm."
            )
        time.sleep(_LAPTOP_SECONDS if self._place.laptop else _CLOUD_SECONDS)


def _failed(failed: Sequence[Row], merged: int, files: int, place: Place) -> str:
    return (
        f"{len(failed)} of {files} files could not be merged, {merged} were: {failed[0]['reason']} "
        f"See {place.command('runs')}. What was merged stays; once the cause is mended, give the files again."
    )
