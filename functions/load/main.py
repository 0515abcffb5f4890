"""The Cloud Run function `load`: a file in the landing bucket becomes rows in `plays`. HTTP in, log entry out."""

import functools
import json
import os
from traceback import format_tb
from typing import Any

import flask
import functions_framework
from cloudevents.exceptions import GenericException
from cloudevents.http import from_http

from landed_object import LandedObject, parse_event
from load_cloud import Cloud, Settings
from load_errors import EventUnreadable, LoadBroken, mistakes_are_permanent, without_addresses
from load_file import load_file


@functions_framework.http
def load(request: flask.Request) -> tuple[str, int]:
    """Handle one `google.cloud.storage.object.v1.finalized` event; with 500 it is redelivered.

    An HTTP function, because functions-framework reads the body of a cloud_event function before our code: a body that
    is not JSON, or JSON nested without end, would be answered with 500 and redelivered for a day.
    """
    event_id = request.headers.get("ce-id")
    try:
        with mistakes_are_permanent():
            try:
                data = from_http(request.headers, request.get_data()).data
            except (GenericException, RecursionError, TypeError, ValueError):
                raise EventUnreadable("The request is not a CloudEvent with JSON") from None
            handle(parse_event(data))
    except EventUnreadable as error:
        log("ERROR", "An event cannot be read and is dropped", event_id=event_id, reason=str(error))
    except LoadBroken as error:
        log("ERROR", "An event broke load and is dropped", event_id=event_id, reason=str(error))
    except Exception as error:
        # Flask would log the error's text, which can name accounts by their e-mail addresses.
        reason, traceback = without_addresses(str(error)), "".join(format_tb(error.__traceback__))
        fields = {"error_class": type(error).__name__, "reason": reason, "traceback": traceback}
        log("WARNING", "An event was not loaded and is redelivered", event_id=event_id, **fields)
        return "Not loaded", 500
    return "OK", 200


def handle(landed: LandedObject) -> None:
    """Returns when the event is dealt with, be it by a row that says why the file cannot be loaded; else raises."""
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
