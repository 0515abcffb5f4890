"""The progress of a run: which step it waits for, from its rows in the ledger and the state of its Dataproc batch.

A batch that fails leaves no row in the ledger until the next run looks.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from google.cloud import dataproc_v1

from cli import google_clients
from cli.place import Place
from cli.warehouse import Row
from listener_secrets import CALL_SECONDS, RETRY

IMPORT = "import"
"""The first step of a run that lands plays of an export; no ingest comes before it."""
WAITING_FOR = {
    "ingest": "ingest to call Spotify",
    "load": "load to merge the plays",
    "transform": "transform_trigger to submit the Spark batch",
    "top_tracks": "the Spark batch (about three minutes in the cloud)",
}
STEPS = tuple(WAITING_FOR)

# Batches run one at a time: one that has not ended is among the newest.
_LISTED = 50
_ACTIVE = (
    dataproc_v1.Batch.State.PENDING,
    dataproc_v1.Batch.State.RUNNING,
    dataproc_v1.Batch.State.CANCELLING,
)
_ENDED_BADLY = (dataproc_v1.Batch.State.FAILED, dataproc_v1.Batch.State.CANCELLED)
_LABELS = {"app": "heavy-rotation", "job": "top-tracks"}


def newest_of_steps(rows: Iterable[Row]) -> list[Row]:
    """Of each run's steps the newest row: one that failed may have succeeded since."""
    by_age = sorted(rows, key=lambda row: row["finished_at"])
    return list({(row["run_id"], row["step"]): row for row in by_age}.values())


def awaited_step(rows: Sequence[Row]) -> str | None:
    """The step whose row is still to come; None once the run has come to its end, good or bad.

    A step that failed or was skipped has no successor, nor has a load that found nothing new.
    """
    newest = {row["step"]: row for row in newest_of_steps(rows)}
    first = IMPORT if IMPORT in newest else STEPS[0]
    for step in (first, *STEPS[1:]):
        row = newest.get(step)
        if row is None:
            return step
        if row["state"] != "succeeded" or (step == "load" and not row["rows_new"]):
            return None
    return None


def outcome(rows: Sequence[Row]) -> str:
    """failed when the newest row of any step says so, else how the run's first step ended."""
    newest = {row["step"]: row["state"] for row in newest_of_steps(rows)}
    return "failed" if "failed" in newest.values() else newest.get(IMPORT) or newest["ingest"]


def with_failed_batch(place: Place, rows: list[Row]) -> list[Row]:
    """A run's rows. A batch that failed has a row here; in the ledger it gets one with the next run."""
    if awaited_step(rows) != "top_tracks":
        return rows
    label = f"r{rows[0]['run_id'].lower()}"  # as transform_trigger writes it
    newest = next((batch for batch in _newest(place) if batch.labels.get("run") == label), None)
    if newest is None or newest.state not in _ENDED_BADLY:
        return rows
    cause = newest.state_message or "Dataproc does not say why"
    now, reason = place.now(), f"Batch {_id(newest)} {newest.state.name.lower()}: {cause}"
    failed = {"step": "top_tracks", "state": "failed", "finished_at": now, "rows_new": None, "reason": reason}
    return [*rows, {**dict.fromkeys(rows[0]), "run_id": rows[0]["run_id"], "slot": rows[0]["slot"], **failed}]


def active_batches(place: Place) -> list[str]:
    """The ids of the job's batches that have not ended."""
    return [_id(batch) for batch in _newest(place) if batch.state in _ACTIVE]


def _newest(place: Place) -> Iterable[dataproc_v1.Batch]:
    """The newest batches of the job, the newest first.

    They are chosen here by their labels: Dataproc has answered a filter on labels with an empty list and no error
    (googleapis/google-cloud-python issue 13692).
    """
    parent = f"projects/{place.project}/locations/{place.region}"
    request = {"parent": parent, "order_by": "create_time desc", "page_size": _LISTED}
    batches = google_clients.batches(place).list_batches(request, timeout=CALL_SECONDS, retry=RETRY)
    return islice((batch for batch in batches if _LABELS.items() <= dict(batch.labels).items()), _LISTED)


def _id(batch: dataproc_v1.Batch) -> str:
    return str(batch.name.rsplit("/", 1)[-1])
