"""The Cloud Run function `transform_trigger`: new plays become a Spark batch, one at a time. HTTP in, log entry out."""

import functools
import os
from traceback import format_tb

import flask
import functions_framework

from plays_loaded import PlaysLoaded, message_id, parse_event
from trigger_batch import trigger_batch
from trigger_cloud import Cloud, Settings
from trigger_errors import BatchStillRunning, MessageUnreadable, without_addresses
from trigger_ledger import log


@functions_framework.http
def transform_trigger(request: flask.Request) -> tuple[str, int]:
    """Handle one message of `plays-loaded`; with 500 it is redelivered.

    An HTTP function, because functions-framework itself refuses a push without data, which then is redelivered until it
    is a dead letter.
    """
    try:
        pushed = request.get_json(force=True, silent=True)
    except RecursionError:
        pushed = None
    event_id = message_id(pushed)
    try:
        handle(parse_event(pushed))
    except MessageUnreadable as error:
        log("ERROR", "A message cannot be read and is dropped", event_id=event_id, reason=str(error))
    except BatchStillRunning:
        return "A batch is running", 500
    except Exception as error:
        # Flask would log the error's text, which can name accounts by their e-mail addresses.
        reason, traceback = without_addresses(str(error)), "".join(format_tb(error.__traceback__))
        fields = {"error_class": type(error).__name__, "reason": reason, "traceback": traceback}
        log("WARNING", "A message was not dealt with and is redelivered", event_id=event_id, **fields)
        return "Not dealt with", 500
    return "OK", 200


def handle(plays: PlaysLoaded) -> None:
    """Returns when the message is dealt with, be it by a row that says why no batch starts; else raises."""
    try:
        row = trigger_batch(cloud(), plays)
    except BatchStillRunning as pause:
        log(
            "NOTICE",
            "The message is redelivered until the running batch has ended",
            run_id=plays.run_id,
            reason=str(pause),
        )
        raise
    severity, message = _LOG_ENTRIES[row.state]
    log(severity, message, run_id=plays.run_id, rows_new=plays.rows_new, reason=row.reason, error_class=row.error_class)


_LOG_ENTRIES = {
    "succeeded": ("INFO", "A batch was submitted"),
    "skipped": ("INFO", "No batch is started"),
    "failed": ("ERROR", "No batch can be submitted"),
}


@functools.cache
def cloud() -> Cloud:
    return Cloud.connect(Settings.from_env(os.environ))
