"""What goes wrong with transform_trigger: stops and troubles at any call, refusals, unreadable messages."""

import json
import time

import pytest

from localcloud.faults import Fault
from tests.event_function import DENIED, answers, broken, entries, fields
from tests.transform_trigger.harness import CREATE, ELEVEN, ELEVENS_BATCH, TEN, TENS_BATCH, TENS_ROW, ledger_row

ANY_CALL = "^(gcp|bigquery) "


def test_an_entry_that_was_lost_with_the_function_is_written_by_the_repeat(triggering, capsys):
    triggering.publish(TEN)
    triggering.deliver()
    triggering.finish(TEN, "FAILED", "exit code 1")
    triggering.publish(ELEVEN)
    triggering.cloud.faults.order(Fault("^bigquery ", "stop", "after"))
    assert triggering.deliver() == [500]
    triggering.cloud.faults.clear()
    triggering.restart()
    entries(capsys)

    assert triggering.deliver() == [200]

    assert [entry["message"] for entry in entries(capsys)] == ["A Spark batch failed", "A batch was submitted"]


def test_a_batch_whose_creation_was_not_answered_is_not_created_again(triggering, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client's pause between two tries
    triggering.cloud.faults.order(Fault(CREATE, "answer", "after"), Fault(CREATE, "drop", "after"))
    triggering.publish(TEN)

    assert triggering.deliver() == [200]

    assert triggering.batch_ids() == [TENS_BATCH]
    assert triggering.ledger() == [TENS_ROW]
    assert (
        len([call for call in triggering.cloud.faults.calls if call.startswith("gcp POST") and "batches" in call]) == 3
    )


def calls_of_one_message(triggering):
    triggering.restart()
    triggering.publish("20261121T000000Z")
    triggering.cloud.faults.clear()
    triggering.deliver()
    triggering.finish("20261121T000000Z")
    return [call for call in triggering.cloud.faults.calls if call.startswith(("gcp", "bigquery"))]


def test_a_function_stopped_at_any_of_its_calls_loses_nothing(triggering):
    calls = calls_of_one_message(triggering)
    assert len(calls) > 3
    stops = [("before", 0), *(("after", call) for call in range(len(calls)))]  # before the next one is no other stop
    for number, (when, call) in enumerate(stops):
        run_id = f"20261122T{number:02}0000Z"
        batch_id = f"top-tracks-{run_id.lower()}"
        triggering.restart()
        triggering.publish(run_id)
        triggering.cloud.faults.order(Fault(ANY_CALL, "stop", when, skip=call))

        assert triggering.deliver() == [500], calls[call]
        triggering.cloud.faults.clear()
        triggering.restart()
        assert triggering.deliver() == [200], calls[call]

        assert triggering.batch_ids()[1:][number:] == [batch_id], calls[call]
        reason = f"Batch {batch_id} submitted for 12 new plays."
        rows = [row for row in triggering.ledger() if row["run_id"] == run_id]
        assert rows == [ledger_row(run_id, "transform", "succeeded", reason, 12)], calls[call]
        triggering.finish(run_id)


@pytest.mark.parametrize("body", ["{}", "[]"])
def test_an_answer_of_another_shape_to_any_call_loses_nothing(triggering, body):
    calls = calls_of_one_message(triggering)
    for number in range(len(calls)):
        run_id = f"20261122T{number:02}0000Z"
        triggering.restart()
        triggering.publish(run_id)
        triggering.cloud.faults.order(Fault(ANY_CALL, "answer", "after", skip=number, status=200, body=body))

        triggering.deliver()
        triggering.cloud.faults.clear()
        triggering.deliver()

        assert triggering.batch_ids()[1:][number:] == [f"top-tracks-{run_id.lower()}"], calls[number]
        assert [row["state"] for row in triggering.ledger() if row["run_id"] == run_id] == ["succeeded"], calls[number]
        triggering.finish(run_id)


def test_a_list_of_batches_that_lacks_any_one_field_drops_no_message(triggering):
    calls_of_one_message(triggering)
    batch = triggering.cloud.dataproc.batches()[0]
    for number, path in enumerate(fields(batch)):
        run_id = f"202611{22 + number // 24:02}T{number % 24:02}0000Z"
        triggering.publish(run_id)
        answers(triggering.cloud, 0, ("batches", 0, *path))
        triggering.deliver()
        answers(triggering.cloud)
        triggering.deliver()

        assert [row["state"] for row in triggering.ledger() if row["run_id"] == run_id] == ["succeeded"], path
        triggering.finish(run_id, "FAILED", "exit code 1")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_moment_of_trouble_at_any_call_is_not_even_noticed(triggering, monkeypatch, when):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the clients' pauses between two tries
    calls = calls_of_one_message(triggering)
    for number in range(len(calls)):
        run_id = f"20261122T{number:02}0000Z"
        triggering.restart()
        triggering.publish(run_id)
        triggering.cloud.faults.order(Fault(ANY_CALL, "answer", when, skip=number))

        assert triggering.deliver() == [200], calls[number]

        triggering.cloud.faults.clear()
        triggering.finish(run_id)
    assert len(triggering.batch_ids()) == len(triggering.ledger()) == 1 + len(calls)


@pytest.mark.parametrize(("seconds", "status"), [(60, 200), (0, 500)])
def test_a_job_that_goes_on_after_the_first_look_is_waited_for_but_not_for_ever(
    triggering, monkeypatch, seconds, status
):
    monkeypatch.setattr("trigger_ledger._JOB_SECONDS", seconds)
    triggering.publish(TEN)
    answers(triggering.cloud, 4, ("status",))
    assert triggering.deliver() == [status]

    triggering.deliver()
    assert triggering.ledger() == [TENS_ROW]


@pytest.mark.parametrize("status", [400, 404])
def test_a_request_that_dataproc_refuses_is_recorded_and_not_repeated(triggering, capsys, status):
    body = '{"error": {"code": 400, "message": "Cannot act as spark@x.iam.gserviceaccount.com here", "status": "X"}}'
    triggering.cloud.faults.order(Fault(CREATE, "answer", status=status, body=body))
    triggering.publish(TEN)

    assert triggering.deliver() == [200]

    reason = "Dataproc refuses the batch: Cannot act as (an address) here."
    assert triggering.ledger() == [ledger_row(TEN, "transform", "failed", reason, 12, "BatchRefused")]
    (entry,) = entries(capsys)
    assert (entry["severity"], entry["message"]) == ("ERROR", "No batch can be submitted")
    # The next load that brings new plays submits again.
    triggering.publish(ELEVEN)
    assert triggering.deliver() == [200]
    assert triggering.batch_ids() == [ELEVENS_BATCH]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "The resource 'projects/p/regions/r/subnetworks/default' is not ready"),
        (409, "Insufficient 'CPUS' quota. Requested 12.0, available 8.0."),  # ABORTED has the code of ALREADY_EXISTS
    ],
)
def test_a_refusal_that_passes_by_itself_is_logged_in_dataprocs_words_and_the_message_comes_again(
    triggering, capsys, status, reason
):
    body = json.dumps({"error": {"code": status, "message": reason, "status": "X"}})
    triggering.cloud.faults.order(Fault(CREATE, "answer", status=status, body=body))
    triggering.publish(TEN)

    assert (triggering.deliver(), triggering.ledger()) == ([500], [])
    (entry,) = entries(capsys)
    assert (entry["severity"], reason in entry["reason"]) == ("WARNING", True)
    assert (triggering.deliver(), triggering.ledger()) == ([200], [TENS_ROW])


def test_a_missing_grant_is_recorded_and_the_message_comes_again(triggering):
    body = '{"error": {"code": 403, "message": "Permission dataproc.batches.create denied", "status": "X"}}'
    triggering.cloud.faults.order(Fault(CREATE, "answer", status=403, body=body))
    triggering.publish(TEN)

    assert triggering.deliver() == [500]
    reason = "Dataproc denies the function the permission to submit: Permission dataproc.batches.create denied."
    failed = ledger_row(TEN, "transform", "failed", reason, 12, "BatchForbidden")
    assert triggering.ledger() == [failed]

    assert triggering.deliver() == [200]
    assert triggering.ledger() == [failed, TENS_ROW]


@pytest.mark.parametrize(
    ("pushed", "event_id", "reason"),
    [
        (b"not JSON", None, "The event holds no message with data"),
        (b"\xff\xfe\xfd", None, "The event holds no message with data"),
        (b"[" * 100_000, None, "The event holds no message with data"),
        (b"", None, "The event holds no message with data"),
        (b"[]", None, "The event holds no message with data"),
        (b"{}", None, "The event holds no message with data"),
        (b'{"message": "text"}', None, "The event holds no message with data"),
        (b'{"message": {"messageId": 9, "data": 7}}', None, "The event holds no message with data"),
        (b'{"message": {"messageId": "9", "attributes": {"a": "b"}}}', "9", "The event holds no message with data"),
        (b'{"message": {"messageId": "9", "data": "e30="}}', "9", "The message's slot is not an instant"),
    ],
)
def test_a_push_that_cannot_be_read_is_logged_and_does_not_come_again(triggering, capsys, pushed, event_id, reason):
    triggering.cloud.faults.clear()

    assert triggering.client.post("/", data=pushed, content_type="application/json").status_code == 200

    assert list(triggering.cloud.faults.calls) == []
    fields = {"severity": "ERROR", "message": "A message cannot be read and is dropped"}
    assert entries(capsys) == [{**fields, "event_id": event_id, "reason": reason}]


def test_a_message_that_comes_again_says_why_and_names_no_account(triggering, caplog, capsys):
    triggering.publish(TEN)
    triggering.cloud.faults.order(Fault("gcp GET .*/batches", status=403, body=DENIED))

    assert triggering.deliver() == [500]
    (entry,) = entries(capsys)
    fields = (entry["severity"], entry["message"], entry["error_class"])
    assert fields == ("WARNING", "A message was not dealt with and is redelivered", "Forbidden")
    assert "Access Denied: User (an address)" in entry["reason"]
    assert "dataproc.py" in entry["traceback"]
    assert "ada@" not in caplog.text + str(entry)


@pytest.mark.parametrize("error", [ConnectionError("reset"), TypeError("quoted: ada@example.invalid")])
def test_what_the_next_moment_or_a_deployment_heals_is_redelivered(triggering, monkeypatch, capsys, error):
    triggering.publish(TEN)
    with monkeypatch.context() as patch:
        patch.setattr("trigger_batch.decide", broken(error))
        assert (triggering.deliver(), triggering.ledger()) == ([500], [])
    (entry,) = entries(capsys)
    assert entry["error_class"] == type(error).__name__
    assert "in step" in entry["traceback"]

    assert triggering.deliver() == [200]
    assert triggering.ledger() == [TENS_ROW]


def test_a_missing_setting_is_named_when_the_first_message_comes(triggering, monkeypatch, capsys):
    monkeypatch.delenv("SPARK_JOB_URI")
    triggering.publish(TEN)

    assert triggering.deliver() == [500]
    (entry,) = entries(capsys)
    assert (entry["error_class"], entry["reason"]) == ("SettingsError", "The setting SPARK_JOB_URI is missing")
