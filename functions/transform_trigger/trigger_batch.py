"""Handles one message: list batches, decide, submit, record."""

from datetime import UTC, datetime

from batches import decide, free_batch_ids, submitted_sentence, unrecorded_failure
from dataproc import fetch_batches, submit_batch
from plays_loaded import PlaysLoaded
from trigger_cloud import Cloud
from trigger_errors import BatchForbidden, BatchRefused, BatchStillRunning
from trigger_ledger import LedgerRow, failure_row, log, transform_row, write_row


def trigger_batch(cloud: Cloud, plays: PlaysLoaded) -> LedgerRow:
    """The row that was written. Raises BatchStillRunning, and any other error for which the message is redelivered."""
    now = datetime.now(UTC)
    try:
        row = _look_and_act(cloud, plays, now)
        write_row(cloud.bigquery, row)
    except (BatchRefused, BatchForbidden) as problem:
        row = transform_row(plays, now, "failed", f"{problem}.", error_class=type(problem).__name__)
        write_row(cloud.bigquery, row)
        if isinstance(problem, BatchForbidden):
            raise
    return row


def _look_and_act(cloud: Cloud, plays: PlaysLoaded, now: datetime) -> LedgerRow:
    batches = fetch_batches(cloud.dataproc, cloud.settings)
    # Before anything is submitted: from then on this batch is not the newest, and would not be looked at.
    if dead := unrecorded_failure(batches):
        row = failure_row(dead)
        # In the ledger first: a repeat finds the row and logs again, so that an alert can rely on the entry.
        write_row(cloud.bigquery, row)
        log("ERROR", "A Spark batch failed", run_id=row.run_id, reason=row.reason, error_class=row.error_class)
    decision = decide(batches, plays, now, cloud.settings.min_interval)
    match decision.action:
        case "wait":
            raise BatchStillRunning(decision.reason)
        case "skip":
            return transform_row(plays, now, "skipped", decision.reason, decision.batch_id)
        case "already_submitted":
            return transform_row(plays, now, "succeeded", decision.reason, decision.batch_id)
        case "submit":
            batch_id = submit_batch(cloud.dataproc, cloud.settings, plays, free_batch_ids(batches, plays), now)
            return transform_row(plays, now, "succeeded", submitted_sentence(batch_id, plays), batch_id)
