"""Writes log entries for Cloud Logging: one JSON object per line, a constant message, the rest in fields."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import requests
from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage.exceptions import DataCorruption

_ONE_LINE = Lock()
NO_ANSWER = (GoogleAPIError, GoogleAuthError, requests.RequestException, TimeoutError, DataCorruption)
"""What an outage of Google's raises; the last where an object arrives damaged."""


def log(severity: str, message: str, **fields: Any) -> None:
    """Never give it a token, a secret or an e-mail address."""
    entry = json.dumps({"severity": severity, "message": message, **fields}, default=str)
    # Listeners are fetched side by side, and print writes the line's end by itself: functions-framework, which adds the
    # execution's id to what is written, takes any other write for an entry of its own.
    with _ONE_LINE:
        print(entry, flush=True)


def without_addresses(text: str) -> str:
    """Google's errors name the account that lacks a permission, by its e-mail address."""
    return re.sub(r"\S*@\S*", "…", text)


@contextmanager
def logging_outages(run_id: str, message: str) -> Iterator[None]:
    """Logs an outage of Google's and goes on: the run is recorded, and the next one does what is left."""
    try:
        yield
    except NO_ANSWER as error:
        fields = {"error_class": type(error).__name__, "reason": without_addresses(str(error))}
        log("ERROR", message, run_id=run_id, **fields)
