"""Files of which BigQuery will never take a row, and files that are gone: recorded, kept if possible, not retried."""

import json

import pytest

from landed_object import LandedObject
from localcloud.faults import Fault
from tests.event_function import entries
from tests.load.harness import COLUMNS, NAME, RUN, csv_of, ledger_row, play

BAD_VALUE = csv_of(play(1)).replace(b"2026-11-22T09:01:01.863Z", b"yesterday")
WHOLLY_BAD = {
    "no row has a readable instant": BAD_VALUE,
    "a column has another name": csv_of(play(1)).replace(b"listener_id,", b"listener,", 1),
    "a required column lacks": csv_of(play(1), header=[name for name in COLUMNS if name != "played_at"]),
    "no header": csv_of(play(1), play(2)).partition(b"\n")[2],
    "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0",
}


@pytest.mark.parametrize("fault", WHOLLY_BAD)
def test_a_file_without_a_good_row_is_kept_with_bigquerys_own_words_and_is_not_retried(loading, capsys, fault):
    content = WHOLLY_BAD[fault]
    loading.land(content)

    assert (loading.deliver(), loading.deliver()) == ([200], [])

    generation = loading.cloud.storage.get(loading.landing, NAME)["generation"]
    kept, reason = f"{NAME}.g{generation}", f"{NAME}.g{generation}.reason.json"
    assert loading.quarantined() == [kept, reason]
    assert loading.cloud.storage.read(loading.quarantine, kept) == content
    reason_file = json.loads(loading.cloud.storage.read(loading.quarantine, reason))
    job = loading.warehouse.get_job(LandedObject(loading.landing, NAME, int(generation)).job_id("load"))
    assert reason_file == {
        "object": f"gs://{loading.landing}/{NAME}",
        "generation": generation,
        "message": reason_file["message"],
        "errors": [job.error_result, *job.errors],
        "run_id": RUN,
    }
    assert job.error_result["message"] in reason_file["message"]
    sentence = f"BigQuery refused the file, see {reason} in the quarantine bucket."
    assert loading.ledger() == [ledger_row("failed", sentence, error_class="FileRefused")]
    (entry,) = entries(capsys)
    assert (entry["severity"], entry["message"], entry["reason"]) == ("ERROR", "A file cannot be loaded", sentence)
    assert loading.plays() == []
    assert loading.receive() == []


def test_a_refused_file_that_comes_again_changes_nothing(loading):
    loading.land(BAD_VALUE)
    loading.deliver()
    kept = [loading.cloud.storage.get(loading.quarantine, name)["generation"] for name in loading.quarantined()]
    ledger = loading.ledger()

    assert loading.post_event() == 200

    assert [loading.cloud.storage.get(loading.quarantine, name)["generation"] for name in loading.quarantined()] == kept
    assert loading.ledger() == ledger


def test_a_repaired_file_under_the_same_name_is_loaded(loading):
    loading.land(BAD_VALUE)
    loading.deliver()
    loading.land(csv_of(play(1)))

    assert loading.deliver() == [200]

    assert loading.plays() == [play(1)]
    assert [row["state"] for row in loading.ledger()] == ["failed", "succeeded"]


def test_what_bigquery_quotes_of_a_file_is_in_the_quarantine_bucket_alone(loading, capsys):
    loading.land(csv_of(play(1)).replace(b"2026-11-22T09:01:01.863Z", b"Secret Song"))

    loading.deliver()

    (_, reason) = loading.quarantined()
    assert b"Secret Song" in loading.cloud.storage.read(loading.quarantine, reason)
    assert "Secret Song" not in f"{loading.ledger()} {entries(capsys)}"


def test_a_file_that_was_deleted_before_it_was_loaded_is_recorded_and_not_retried(loading, capsys):
    loading.land(csv_of(play(1)))
    loading.cloud.storage.delete(loading.landing, NAME)

    assert loading.deliver() == [200]
    assert loading.post_event() == 200

    reason = f"gs://{loading.landing}/{NAME} was deleted before it was loaded."
    assert loading.ledger() == [ledger_row("failed", reason, error_class="ObjectGone")]
    assert [entry["severity"] for entry in entries(capsys)] == ["ERROR", "ERROR"]


def test_the_reason_is_kept_of_a_refused_file_that_was_deleted_before_its_good_rows_were_loaded(loading):
    loading.land(BAD_VALUE)
    loading.cloud.faults.order(Fault("bigquery POST .*/jobs", "stop", skip=1))
    assert loading.deliver() == [500]
    loading.cloud.faults.clear()
    loading.cloud.storage.delete(loading.landing, NAME)

    assert (loading.post_event(), loading.post_event()) == (200, 200)

    assert [row["error_class"] for row in loading.ledger()] == ["ObjectGone"]
    (reason,) = loading.quarantined()
    reason_file = json.loads(loading.cloud.storage.read(loading.quarantine, reason))
    assert "Error while reading data" in reason_file["message"]


def test_a_file_that_was_only_away_for_a_moment_gets_another_attempt(loading):
    content = csv_of(play(1))
    loading.land(content)
    generation = int(loading.cloud.storage.get(loading.landing, NAME)["generation"])
    loading.cloud.storage.delete(loading.landing, NAME)
    loading.cloud.faults.order(Fault("gcp GET /storage/.*", "stop"))
    assert loading.deliver() == [500]
    loading.cloud.faults.clear()
    loading.land(content)

    assert loading.post_event(loading.events[0]) == 200

    assert loading.plays() == [play(1)]
    first_id = LandedObject(loading.landing, NAME, generation).job_id("load")
    assert loading.warehouse.get_job(first_id).error_result["reason"] == "notFound"
    assert loading.warehouse.get_job(f"{first_id}-2").error_result is None
