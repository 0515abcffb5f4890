"""Files that load has not dealt with while the platform repeated their event: each gets a new event, once a day."""

from datetime import timedelta

import pytest

from buckets import to_csv
from localcloud.faults import Fault
from tests.ingest.harness import OBJECT, RUN_ID, SLOT
from tests.ingest.items import row as play
from tests.seed import seed

PLAYS = [play(SLOT - timedelta(minutes=minute), "a") for minute in (9, 6, 3)]
SENT_AGAIN = {
    "severity": "ERROR",
    "message": "A file was not loaded and is re-sent",
    "object": OBJECT,
    "reason": "load has not recorded it within 24 hours of redelivery: see the log of load",
}


def land(ingesting, step="ingest", state="succeeded", rows_new=3):
    """A file and the row that records it; its generation."""
    resource = ingesting.cloud.storage.write(ingesting.landing, OBJECT, to_csv(PLAYS))
    ingesting.tell(RUN_ID, step, state, rows_new=rows_new)
    return resource["generation"]


def generation_of(ingesting):
    return ingesting.cloud.storage.get(ingesting.landing, OBJECT)["generation"]


def run_after(ingesting, **time):
    """The log of the hourly run at that time, without listeners: nothing else happens in it."""
    ingesting.travel(**time)
    answer = ingesting.run(slot=None)
    assert answer.body["reason"].startswith("no listener has given consent yet")
    return [{name: entry[name] for name in entry if name != "run_id"} for entry in answer.log]


@pytest.mark.parametrize("step", ["ingest", "import"])
def test_a_file_that_load_has_not_recorded_is_re_sent_as_it_is_once_a_day(ingesting, step):
    first = land(ingesting, step)
    assert (run_after(ingesting, hours=24), generation_of(ingesting)) == ([], first)

    assert run_after(ingesting, hours=2) == [SENT_AGAIN]
    second = generation_of(ingesting)
    assert int(second) > int(first)
    assert ingesting.landed() == {OBJECT: to_csv(PLAYS).decode()}

    assert (run_after(ingesting, hours=1), run_after(ingesting, hours=23), generation_of(ingesting)) == ([], [], second)
    assert run_after(ingesting, hours=2) == [SENT_AGAIN]
    assert int(generation_of(ingesting)) > int(second)


def test_after_two_weeks_a_file_is_left_alone(ingesting):
    first = land(ingesting)
    assert (run_after(ingesting, days=14, minutes=1), generation_of(ingesting)) == ([], first)


def test_a_run_that_landed_nothing_has_no_file_to_be_loaded(ingesting):
    first = land(ingesting, state="skipped", rows_new=0)
    assert (run_after(ingesting, days=2), generation_of(ingesting)) == ([], first)


def test_a_file_that_is_gone_is_not_missed(ingesting):
    land(ingesting)
    ingesting.cloud.storage.delete(ingesting.landing, OBJECT)
    assert (run_after(ingesting, days=2), ingesting.landed()) == ([], {})


@pytest.mark.parametrize(
    "row",
    [
        {"state": "succeeded", "rows_in": 3},
        {"state": "failed", "error_class": "FileRefused"},
        {"state": "succeeded", "rows_in": 2, "error_class": "RowsRefused"},
    ],
)
def test_a_file_that_load_has_recorded_is_not_re_sent(ingesting, row):
    first = land(ingesting)
    ingesting.tell(RUN_ID, "load", **row)
    assert (run_after(ingesting, days=2), generation_of(ingesting)) == ([], first)


def test_a_file_that_has_grown_since_load_recorded_it_is_re_sent(ingesting):
    land(ingesting)
    ingesting.tell(RUN_ID, "load", "succeeded", rows_in=2, details='{"generation": "1"}')
    assert run_after(ingesting, days=2) == [SENT_AGAIN]


def test_a_row_of_the_ledger_under_no_runs_id_has_no_file(ingesting):
    land(ingesting)
    row = {"slot": SLOT, "step": "ingest", "state": "succeeded", "rows_new": 3, "started_at": SLOT, "finished_at": SLOT}
    seed(ingesting.cloud, "runs", [row | {"run_id": run_id} for run_id in ("", "by hand", "x" * 2000)])
    assert run_after(ingesting, days=2) == [SENT_AGAIN]


@pytest.mark.parametrize("details", ['"text"', "7", '{"generation": null}', '{"generation": [1]}'])
def test_a_file_whose_row_of_load_has_no_readable_generation_is_re_sent(ingesting, details):
    land(ingesting)
    ingesting.tell(RUN_ID, "load", "succeeded", rows_in=2, details=details)
    assert run_after(ingesting, days=2) == [SENT_AGAIN]


def test_of_several_generations_the_newest_counts_in_whatever_order_load_has_recorded_them(ingesting):
    land(ingesting)
    newest = land(ingesting)
    for generation, rows_in in ((newest, 2), ("1", 2)):
        ingesting.tell(RUN_ID, "load", "succeeded", rows_in=rows_in, details=f'{{"generation": "{generation}"}}')
    assert (run_after(ingesting, days=2), generation_of(ingesting)) == ([], newest)


def test_a_file_that_was_made_smaller_by_hand_is_not_re_sent_when_load_has_recorded_that(ingesting):
    first = land(ingesting)
    ingesting.tell(RUN_ID, "load", "succeeded", rows_in=2, details=f'{{"generation": "{first}"}}')
    assert (run_after(ingesting, days=2), generation_of(ingesting)) == ([], first)


def test_an_answer_that_is_lost_makes_one_generation_and_not_two(ingesting):
    land(ingesting)
    ingesting.cloud.faults.order(Fault("gcp POST .*/copyTo", "drop", "after"))
    ingesting.cloud.faults.calls.clear()
    assert run_after(ingesting, days=2) == [SENT_AGAIN]
    assert len([call for call in ingesting.cloud.faults.calls if "copyTo" in call]) == 2
    second = generation_of(ingesting)
    assert (run_after(ingesting, hours=1), generation_of(ingesting)) == ([], second)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Fault("gcp POST .*/copyTo", status=403), "An unloaded file could not be re-sent"),
        # After the question what was before.
        (Fault("bigquery POST .*/queries", status=403, skip=1), "Unloaded files could not be listed"),
    ],
)
def test_when_it_fails_the_run_is_good_all_the_same_and_the_next_one_does_it(ingesting, call, message):
    first = land(ingesting)
    ingesting.cloud.faults.order(call)
    entries = run_after(ingesting, days=2)
    assert [(entry["severity"], entry["message"], entry["error_class"]) for entry in entries] == [
        ("ERROR", message, "Forbidden")
    ]
    assert generation_of(ingesting) == first
    assert run_after(ingesting, hours=1) == [SENT_AGAIN]
    assert [row["state"] for row in ingesting.ledger()] == ["succeeded", "skipped", "skipped"]
