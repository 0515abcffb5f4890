"""The Cloud Run function `load`: a file in the landing bucket becomes rows in `plays`. Event in, log entry out."""

import functools
import json
import os
from typing import Any

import functions_framework
from cloudevents.http import CloudEvent

from landed_object import LandedObject, parse_event
from load_cloud import Cloud, Settings
from load_errors import EventUnreadable, LoadBroken, mistakes_are_permanent
from load_file import load_file


@functions_framework.cloud_event
def load(event: CloudEvent) -> None:
    """Deal with one `google.cloud.storage.object.v1.finalized` event; on an exception the event is redelivered."""
    try:
        with mistakes_are_permanent():
            deal_with(parse_event(event.data))
    except EventUnreadable as error:
        log("ERROR", "An event cannot be read and is dropped", event_id=event["id"], reason=str(error))
    except LoadBroken as error:
        log("ERROR", "An event broke load and is dropped", event_id=event["id"], reason=str(error))


def deal_with(landed: LandedObject) -> None:
    where = {"bucket": landed.bucket, "object": landed.name, "generation": str(landed.generation)}
    if landed.bucket != cloud().settings.landing_bucket or not landed.is_run_file:
        log("WARNING", "An object that is not a run's file is ignored", **where)
        return
    row = load_file(cloud(), landed)
    severity, message = _LOG_ENTRIES[row.state, row.error_class == "RowsRefused"]
    log(severity, message, **where, run_id=landed.run_id, **vars(row))
    doubled = (row.details or {}).get("doubled")
    if doubled:
        log("ERROR", "Plays are stored twice", run_id=landed.run_id, plays=doubled, command="python -m cli repair")


_LOG_ENTRIES = {
    ("succeeded", False): ("INFO", "A file was loaded"),
    ("succeeded", True): ("ERROR", "A file was loaded without its bad rows"),
    ("failed", False): ("ERROR", "A file cannot be loaded"),
}


@functools.cache
def cloud() -> Cloud:
    return Cloud.connect(Settings.from_env(os.environ))


def log(severity: str, message: str, **fields: Any) -> None:
    """One entry in the form that Cloud Logging parses."""
    print(json.dumps({"severity": severity, "message": message, **fields}), flush=True)
