"""The function `ingest`: called by Cloud Scheduler every hour, answers when the run has ended."""

import os
from datetime import UTC, datetime
from functools import cache
from traceback import format_tb
from typing import Any

import flask
import functions_framework

from buckets import LandingContradiction
from ingest_cloud import Cloud, Settings, SettingsError, connect
from ingest_log import NO_ANSWER, log, without_addresses
from ingest_run import run_once
from slots import SLOT_HEADER, Run, UnreadableSlot, to_slot

Answer = tuple[dict[str, Any], int]


@functions_framework.http
def ingest(request: flask.Request) -> Answer:
    now = datetime.now(UTC)
    try:
        report = run_once(_cloud(), Run(to_slot(request.headers.get(SLOT_HEADER), now), now))
    except UnreadableSlot as error:
        return _refuse("The run could not start", error, 400)
    except SettingsError as error:
        return _refuse("The run could not start", error, 500)
    except Exception as error:
        # Flask would log the error's text, which can name accounts by their e-mail addresses. An outage is no ERROR,
        # which is mailed: a retry mostly heals it, and an alert counts answers of 500.
        severity = "WARNING" if isinstance(error, (LandingContradiction, *NO_ANSWER)) else "ERROR"
        return _refuse("The run failed", error, 500, severity, traceback="".join(format_tb(error.__traceback__)))
    answer = report.answer()
    log(
        "INFO",
        "The run has ended",
        run_id=report.run.run_id,
        state=report.state,
        polled=report.polled,
        reason=answer["reason"],
        rows_in=report.rows_in,
        rows_new=report.rows_new,
        error_class=report.error_class,
        object=report.object_name,
    )
    return answer, report.http_status


@cache
def _cloud() -> Cloud:
    """On first use, so that a missing setting is an answer and not a function that does not start."""
    return connect(Settings.from_env(os.environ))


def _refuse(message: str, error: Exception, status: int, severity: str = "ERROR", **fields: str) -> Answer:
    what = {"error_class": type(error).__name__, "reason": without_addresses(str(error))}
    log(severity, message, **what, **fields)
    return what, status
