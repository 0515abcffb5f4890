"""Next steps for failures, where the ledger names none; the address of the log.

The sentences of ingest, and those of load beside a success, name their next step themselves: see
functions/ingest/failures.py and functions/load. docs/troubles.md begins with these steps and says more.
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

MISSING = "missing"
"""Stands for the class of a failure that left no record."""

_MARGIN = timedelta(minutes=5)
_LENGTH = timedelta(hours=3)
"""Retries and a batch that waited for the one before it may end long after the hour."""

_AGAIN = "The next new plays start another batch; after two failures only once the interval is over."
_OF_A_BATCH = f"Read the batch's driver output. {_AGAIN}"

NEXT_STEPS = {
    "FileRefused": "Look at the file and the reason beside it in the quarantine bucket.",
    "ObjectGone": (
        "A run's file: nothing, the next run lands the plays again. An import's: run the import again with the same "
        "files. Check who deletes files in the landing bucket."
    ),
    "LoadBroken": "Update Heavy Rotation; then copy the run's file out of the landing bucket and back in.",
    "BatchForbidden": "Let the transform function submit batches: run terraform apply.",
    "BatchRefused": "Read the batch's settings in the ledger, then run terraform apply, or update Heavy Rotation.",
    "BatchFailed": _OF_A_BATCH,
    "BatchCancelled": f"Nothing. {_AGAIN}",
}

_NO_RECORD = {
    "ingest": "Look for the hour in Cloud Scheduler and in the log of the function ingest.",
    "load": (
        "Read the log of the function load: it leaves no record when it may not read, write or publish, or when the "
        "table plays is not as it should be. Run terraform apply, which repairs both; the file is redelivered for 24 "
        "hours, and then re-sent once a day for two weeks."
    ),
    "transform": (
        "Read the log of the function transform-trigger, and look for the message in the subscription "
        f"plays-loaded-dead. {_AGAIN}"
    ),
    "top_tracks": f"Look for the batch in Dataproc and read its driver output. {_AGAIN}",
}
_NO_RECORD_ON_LAPTOP = {
    "ingest": "Nothing, when the laptop cloud did not run. Else read logs/ingest.log in its directory.",
    "load": "Read logs/load.log in the laptop cloud's directory. The next run lands the plays again.",
    "transform": f"Read logs/transform_trigger.log in the laptop cloud's directory. {_AGAIN}",
    "top_tracks": f"Read the batch's log in the laptop cloud's directory. {_AGAIN}",
}


def next_step(error_class: str, step: str, *, is_laptop: bool = False) -> str:
    """Empty where the ledger's sentence says it. A batch may record any exception of Python's or Spark's."""
    if error_class == MISSING:
        return (_NO_RECORD_ON_LAPTOP if is_laptop else _NO_RECORD)[step]
    return NEXT_STEPS.get(error_class, _OF_A_BATCH if step == "top_tracks" else "")


def logs_url(project: str, step: str, slot: datetime, run_id: str | None) -> str:
    """What a step of a run logged, in the Logs Explorer's own form of an address: query, time range and project."""
    if run_id is None:
        query = 'resource.type="cloud_scheduler_job" OR resource.type="cloud_run_revision"'
    elif step == "top_tracks":
        query = f'resource.type="cloud_dataproc_batch" AND resource.labels.batch_id:"top-tracks-{run_id.lower()}"'
    else:
        query = f'jsonPayload.run_id="{run_id}"'
    start, end = (f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (slot - _MARGIN, slot + _LENGTH))
    span = quote(f"{start}/{end}", safe="")
    return (
        f"https://console.cloud.google.com/logs/query;query={quote(query, safe='')};timeRange={span}"
        f"?project={quote(project)}"
    )
