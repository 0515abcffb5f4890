"""Fires the schedule once, out of turn: by Cloud Scheduler in the cloud, by its stand-in on the laptop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from cli import google_clients
from cli.console import CliError, Misused
from cli.place import Place
from cli.warehouse import Row
from localcloud.supervisor import RunningCloud

JOB = "ingest-hourly"
"""The job that terraform/schedule.tf makes."""

_TIMEOUT_SECONDS = 30
_SCHEDULER = "https://cloudscheduler.googleapis.com"
# Clocks of two of Google's machines may differ by this much.
_TOLERANCE = timedelta(seconds=2)


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


def fire(place: Place) -> Fired:
    return _run_on(place.laptop) if place.laptop else _run_job(place)


def _run_on(laptop: RunningCloud) -> Fired:
    fired_at, answer = laptop.clock.now(), laptop.run_now()
    try:
        return Fired(str(answer.json()["run_id"]), fired_at)
    except (ValueError, KeyError, TypeError):
        raise CliError(
            f"ingest answered with status {answer.status_code} and no run. "
            f"Its log: {laptop.directory / 'logs' / 'ingest.log'}"
        ) from None


def _run_job(place: Place) -> Fired:
    endpoint = place.endpoint("CLOUDSCHEDULER_EMULATOR_HOST")
    if endpoint is None and place.endpoint("SECRETMANAGER_EMULATOR_HOST"):
        raise Misused("These settings lead to a laptop cloud, which Cloud Scheduler knows nothing of: give --laptop")
    job = f"projects/{place.project}/locations/{place.region}/jobs/{JOB}"
    response = google_clients.session(place).post(
        f"{endpoint or _SCHEDULER}/v1/{job}:run", json={}, timeout=_TIMEOUT_SECONDS
    )
    if response.status_code == 404:
        raise CliError(f"There is no Cloud Scheduler job {job}. Apply terraform/ first.")
    if response.status_code == 403:
        login = "gcloud auth application-default login"
        raise CliError(f"You may not run {job}. Sign in as the project's owner: {login}")
    if not response.ok:
        raise CliError(f"Cloud Scheduler answered with status {response.status_code}. Try again in a minute.")
    # The ledger is written with Google's clock, which this computer's need not agree with.
    date = response.headers.get("Date")
    return Fired(None, parsedate_to_datetime(date) if date else datetime.now(UTC))
