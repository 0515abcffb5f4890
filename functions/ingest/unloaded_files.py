"""Re-sends landed files that load has not recorded within Eventarc's 24 hours of redelivery.

A page of Spotify's that overlaps such a file has no gap before it, because the file is on its way to the warehouse.
This makes it true, however long load fails.
"""

import re
from collections import defaultdict
from contextlib import suppress
from datetime import datetime, timedelta

from google.api_core.exceptions import PreconditionFailed
from google.cloud import bigquery

from buckets import object_name
from ingest_cloud import Cloud
from ingest_log import log, logging_outages
from ingest_queries import run_query, timestamp
from slots import Run

_CALL_SECONDS = 60
# Eventarc redelivers for 24 hours; within an hour after that the last attempt ends. A re-sent file waits as long.
_UNLOADED_AFTER = timedelta(hours=25)
# The owner has had an alert each day by then.
_RESENT_FOR = timedelta(days=14)


def fetch_unloaded(client: bigquery.Client, now: datetime, before: datetime) -> dict[str, list[str]]:
    """Runs that landed a file before `before` which load has not recorded in full, with the generations that it has.

    A row under any other id than a run's has no file. What is re-sent once too often adds nothing.
    """
    since, unloaded = now - _RESENT_FOR, defaultdict[str, list[str]](list)
    for row in run_query(client, "unloaded_runs", timestamp("since", since), timestamp("before", before)):
        if re.fullmatch("[0-9]{8}T[0-9]{6}Z", row.run_id):
            unloaded[row.run_id].append(generation_of(row))
    return unloaded


def generation_of(row: bigquery.Row) -> str:
    """The generation that a row of load names; where it names none, a text that is no file's generation."""
    return str(row.details.get("generation")) if isinstance(row.details, dict) else ""


def resend_all(cloud: Cloud, run: Run) -> None:
    """Make a new generation of each such file, and with it a new event for load; one error is not the next file's."""
    landed_before, bucket = run.started_at - _UNLOADED_AFTER, cloud.landing
    with logging_outages(run.run_id, "Unloaded files could not be listed"):
        for run_id, recorded in fetch_unloaded(cloud.bigquery, run.started_at, landed_before).items():
            with logging_outages(run.run_id, "An unloaded file could not be re-sent"):
                blob = bucket.get_blob(object_name(run_id), timeout=_CALL_SECONDS)
                if blob is None or str(blob.generation) in recorded or blob.time_created > landed_before:
                    continue
                # There is a newer generation and its event: ours, too, if the answer to our first call was lost.
                with suppress(PreconditionFailed):
                    bucket.copy_blob(blob, bucket, if_generation_match=blob.generation, timeout=_CALL_SECONDS)
                reason = "load has not recorded it within 24 hours of redelivery: see the log of load"
                fields = {"run_id": run.run_id, "object": blob.name, "reason": reason}
                log("ERROR", "A file was not loaded and is re-sent", **fields)
