"""What arrives in Cloud Logging of an entry."""

import contextlib
import contextvars
import io
import json
from concurrent.futures import ThreadPoolExecutor

import flask
import pytest
from functions_framework.execution_id import ExecutionContext, LoggingHandlerAddExecutionId

from ingest_log import log


@pytest.mark.parametrize("is_in_a_call", [True, False])
def test_an_entry_is_one_line_where_the_framework_adds_the_execution_id(is_in_a_call):
    """As with LOG_EXECUTION_ID, which is on in the cloud; the threads of a run are in no call."""
    line = contextvars.Context().run(logged_line, is_in_a_call)  # the framework leaves its last call's in the thread
    entry = {"severity": "ERROR", "message": "one", "number": 1}
    labels = {"logging.googleapis.com/labels": {"execution_id": "7"}, "logging.googleapis.com/spanId": "8"}
    assert json.loads(line) == entry | (labels if is_in_a_call else {})


def logged_line(is_in_a_call):
    stream = io.StringIO()
    with flask.Flask("ingest").test_request_context(), contextlib.redirect_stdout(LoggingHandlerAddExecutionId(stream)):
        flask.g.execution_id_context = ExecutionContext("7", "8")
        if is_in_a_call:
            log("ERROR", "one", number=1)
        else:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(log, "ERROR", "one", number=1).result()
    (line,) = stream.getvalue().split("\n")[:-1]
    return line


def test_entries_of_many_threads_are_a_line_each(capsys):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log("INFO", "said", number=number), range(200)))
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(entry["number"] for entry in entries) == list(range(200))
