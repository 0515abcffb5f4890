"""Whatever happens between two calls, a redelivered event ends well: same plays, a message, one row of the ledger."""

import itertools
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from google.cloud import bigquery
from requests.adapters import HTTPAdapter

from landed_object import LandedObject
from localcloud.faults import Fault
from tests.event_function import answers, fields
from tests.load.harness import NAME, csv_of, ledger_row, play

ANY_CALL = "^(gcp|bigquery) "
LOADED = [ledger_row("succeeded", "Of 2 plays in the file 2 were new.", 2, 2, 1)]


def names():
    """One run's file after the other."""
    for hour in itertools.count():
        day, hour_of_day = divmod(hour, 24)
        yield f"plays/2026/12/{day + 1:02}/202612{day + 1:02}T{hour_of_day:02}0000Z.csv"


def run_id_of(name):
    return name[-len("20261122T100000Z.csv") : -len(".csv")]


def calls_of_one_load(loading):
    loading.cloud.faults.clear()
    loading.restart()
    loading.land(csv_of(play(-1)), "plays/2026/11/30/20261130T000000Z.csv")
    loading.deliver()
    calls = [call for call in loading.cloud.faults.calls if not call.startswith("events")]
    loading.receive()
    return calls


def test_a_function_stopped_at_any_of_its_calls_loses_nothing(loading):
    calls = calls_of_one_load(loading)
    assert len(calls) > 8
    stops = [("before", 0), *(("after", call) for call in range(len(calls)))]  # before the next one is no other stop
    for number, ((when, call), name) in enumerate(zip(stops, names(), strict=False)):
        loading.restart()
        loading.land(csv_of(play(2 * number), play(2 * number + 1)), name)
        loading.cloud.faults.order(Fault(ANY_CALL, "stop", when, skip=call))

        assert loading.deliver() == [500], calls[call]
        loading.cloud.faults.clear()
        loading.restart()
        assert loading.deliver() == [200], calls[call]

        published = {(message["run_id"], message["rows_new"]) for message in loading.receive()}
        assert published == {(run_id_of(name), 2)}, calls[call]
    assert loading.plays() == [play(minute) for minute in range(-1, 2 * len(stops))]
    assert [row["reason"] for row in loading.ledger()] == [
        "Of 1 play in the file 1 was new.",
        *["Of 2 plays in the file 2 were new."] * len(stops),
    ]


@pytest.mark.parametrize("body", ["{}", "[]"])
def test_an_answer_of_another_shape_to_any_call_loses_nothing(loading, body):
    calls = calls_of_one_load(loading)
    for number, name in zip(range(len(calls)), names(), strict=False):
        loading.restart()
        loading.land(csv_of(play(2 * number), play(2 * number + 1)), name)
        loading.cloud.faults.order(Fault(ANY_CALL, "answer", "after", skip=number, status=200, body=body))

        loading.deliver()
        loading.cloud.faults.clear()
        loading.deliver()

        published = {(message["run_id"], message["rows_new"]) for message in loading.receive()}
        assert published == {(run_id_of(name), 2)}, calls[number]
    assert loading.plays() == [play(minute) for minute in range(-1, 2 * len(calls))]
    assert [row["state"] for row in loading.ledger()] == ["succeeded"] * (1 + len(calls))


@pytest.mark.parametrize(
    ("content", "outcome"),
    [(csv_of(play(0), play(1)), ("succeeded", None)), (csv_of(play(0, duration_ms="long")), ("failed", "FileRefused"))],
)
def test_an_answer_about_a_job_that_lacks_any_one_field_drops_no_file(loading, content, outcome):
    calls_of_one_load(loading)
    seen = answers(loading.cloud)
    loading.land(content, "plays/2026/11/29/20261129T000000Z.csv")
    loading.deliver()
    # The last two add the row of the ledger, of which nothing is read.
    jobs = [(number, answer) for number, answer in enumerate(seen) if answer.get("kind") == "bigquery#job"][:-2]
    # Without these a job that refused rows looks like any other.
    looks_well = ("status",), ("status", "errorResult"), ("statistics", "load", "badRecords")
    taken = [(number, path) for number, job in jobs for path in fields(job) if path not in looks_well]
    taken = [(number, path) for number, path in taken if path[0] in {"configuration", "statistics", "status"}]
    assert len(taken) > 50
    for (number, path), name in zip(taken, names(), strict=False):
        answers(loading.cloud, number, path)
        loading.land(content, name)
        if loading.deliver() == [500]:
            loading.deliver()

        outcomes = [(row["state"], row["error_class"]) for row in loading.ledger() if row["run_id"] == run_id_of(name)]
        assert outcomes == [outcome], path


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_moment_of_trouble_at_any_call_is_not_even_noticed(loading, monkeypatch, when):
    calls = calls_of_one_load(loading)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the clients' pauses between two tries
    for number, name in zip(range(len(calls)), names(), strict=False):
        loading.restart()
        loading.land(csv_of(play(2 * number), play(2 * number + 1)), name)
        loading.cloud.faults.order(Fault(ANY_CALL, "answer", when, skip=number))

        assert loading.deliver() == [200], calls[number]
        loading.cloud.faults.clear()
    assert loading.plays() == [play(minute) for minute in range(-1, 2 * len(calls))]
    assert len(loading.ledger()) == 1 + len(calls)


def test_every_call_of_a_delivery_and_of_its_repeat_has_a_time_out(loading, monkeypatch):
    calls, send = [], HTTPAdapter.send

    def watched(adapter, request, **options):
        calls.append((request.method, request.path_url.partition("?")[0], options["timeout"]))
        return send(adapter, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", watched)
    loading.land(csv_of(play(1)))
    loading.cloud.faults.order(Fault("bigquery POST .*/jobs", "stop"))
    assert loading.deliver() == [500]
    loading.cloud.faults.clear()
    assert loading.deliver() == [200]

    assert len(set(calls)) > 8
    assert [call for call in calls if call[2] is None] == []


def test_a_look_up_of_a_job_that_is_refused_starts_it_and_a_repeat_does_nothing_twice(loading):
    """Load may read its own jobs only, and BigQuery may count one that does not exist as another's."""
    loading.land(csv_of(play(1)))
    loading.cloud.faults.order(Fault("bigquery GET .*/jobs/", status=403))
    assert loading.deliver() == [200]

    loading.cloud.faults.order(Fault("bigquery GET .*/jobs/", status=403, times=None))
    assert loading.post_event() == 500
    assert loading.plays() == [play(1)]


def test_a_merge_that_failed_is_tried_again_under_another_id(loading):
    loading.land(csv_of(play(1)))
    loading.cloud.faults.order(Fault("bigquery job query merge-", "fail"))
    assert loading.deliver() == [500]

    assert loading.deliver() == [200]

    assert loading.plays() == [play(1)]
    generation = int(loading.cloud.storage.get(loading.landing, NAME)["generation"])
    first_id = LandedObject(loading.landing, NAME, generation).job_id("merge")
    assert loading.warehouse.get_job(first_id).error_result is not None
    assert loading.warehouse.get_job(f"{first_id}-2").dml_stats.inserted_row_count == 1


def test_a_load_is_made_again_where_plays_got_another_column_before_the_merge(loading):
    loading.land(csv_of(play(1)))
    loading.cloud.faults.order(Fault("bigquery POST .*/jobs", "stop", skip=1))
    assert loading.deliver() == [500]
    loading.cloud.faults.clear()
    table = loading.warehouse.get_table("listening.plays")
    table.schema = [*table.schema, bigquery.SchemaField("mood", "STRING")]
    loading.warehouse.delete_table(table)
    loading.warehouse.create_table(table)

    assert loading.deliver() == [200]

    assert loading.plays() == [play(1, mood=None)]


def four_days_later():
    """When staging tables have expired, for the function and for BigQuery."""
    return time_machine.travel(datetime.now(UTC) + timedelta(days=4), tick=True)


def test_a_repeat_after_the_staging_table_expired_finds_its_merge(loading):
    loading.land(csv_of(play(1), play(2)))
    loading.deliver()
    loading.cloud.storage.delete(loading.landing, NAME)

    with four_days_later():
        assert loading.post_event() == 200

    assert loading.plays() == [play(1), play(2)]
    assert loading.ledger() == LOADED


@pytest.mark.parametrize("stopped_again", [False, True])
def test_a_load_whose_rows_expired_before_the_merge_is_made_again(loading, stopped_again):
    loading.land(csv_of(play(1), play(2)))
    loading.cloud.faults.order(Fault("bigquery POST .*/queries", "stop"))
    assert loading.deliver() == [500]
    loading.cloud.faults.clear()

    with four_days_later():
        if stopped_again:
            # The staging table is there again by now, and empty.
            loading.cloud.faults.order(Fault("bigquery POST .*/jobs", "stop"))
            assert loading.post_event() == 500
            loading.cloud.faults.clear()
        assert loading.post_event() == 200

    assert loading.plays() == [play(1), play(2)]
    assert loading.ledger() == LOADED


def test_a_load_whose_rows_and_file_are_gone_says_so(loading):
    loading.land(csv_of(play(1)))
    loading.cloud.faults.order(Fault("bigquery POST .*/queries", "stop"))
    loading.deliver()
    loading.cloud.faults.clear()
    loading.cloud.storage.delete(loading.landing, NAME)

    with four_days_later():
        assert loading.post_event() == 200

    assert [row["error_class"] for row in loading.ledger()] == ["ObjectGone"]


# A run's file that has grown: a repeat of the run added two plays

GROWN = [
    ledger_row("succeeded", "Of 3 plays in the file 3 were new.", 3, 3, 1),
    ledger_row("succeeded", "Of 5 plays in the file 2 were new.", 5, 2, 2),
]


def two_generations(loading):
    """Their events. The first was merged; load was stopped before the ledger."""
    loading.land(csv_of(play(1), play(2), play(3)))
    loading.withhold()
    first = loading.events[-1]
    loading.cloud.faults.order(Fault("bigquery POST .*/queries", "stop", skip=1))
    assert loading.post_event(first) == 500
    loading.cloud.faults.clear()
    loading.restart()
    assert (len(loading.plays()), loading.ledger()) == (3, [])
    loading.land(csv_of(play(1), play(2), play(3), play(4, "bob"), play(5, "bob")))
    loading.withhold()
    return first, loading.events[-1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 0, 1, 0), (0, 0, 1, 1, 0)])
def test_each_generation_of_a_file_leaves_one_row_in_whatever_order_and_how_often_its_events_come(loading, order):
    events = two_generations(loading)

    assert [loading.post_event(events[number]) for number in order] == [200] * len(order)

    assert loading.ledger() == GROWN


def test_a_file_that_is_sent_again_as_it_is_adds_a_row_that_brings_nothing(loading):
    loading.land(csv_of(play(1), play(2)))
    loading.deliver()
    loading.land(csv_of(play(1), play(2)))

    assert loading.deliver() == [200]

    assert loading.ledger() == [*LOADED, ledger_row("succeeded", "Of 2 plays in the file none were new.", 2, 0, 1)]


def test_a_row_whose_job_failed_is_added_by_the_next_delivery_under_another_id(loading):
    loading.land(csv_of(play(1), play(2)))
    loading.cloud.faults.order(Fault("bigquery job query ledger-", "fail"))
    assert loading.deliver() == [500]
    assert loading.ledger() == []

    assert loading.deliver() == [200]

    assert loading.ledger() == LOADED
    assert loading.post_event() == 200
    assert loading.ledger() == LOADED


# Three files that overlap in every way, one with a duplicate in itself; equal keys are equal plays.
FILES = [[0, 1, 2], [2, 3, 3], [1, 2, 3, 4]]


def test_any_order_and_repetition_of_events_leaves_the_same_plays(loading):
    loading.withhold()
    free_names = names()
    for number, order in enumerate(itertools.permutations(range(3))):
        listener, run_ids = f"listener-{number}", []
        for minutes in FILES:
            run_ids.append(run_id_of(name := next(free_names)))
            loading.land(csv_of(*(play(minute, listener) for minute in minutes)), name)
        loading.cloud.deliver_pending()
        newest = loading.events[-len(FILES) :]

        assert [loading.post_event(newest[file]) for file in [*order, 0, 1, 2]] == [200] * 6

        stored = [row for row in loading.plays() if row["listener_id"] == listener]
        assert stored == [play(minute, listener) for minute in range(5)]
        ledger = [row for row in loading.ledger() if row["run_id"] in run_ids]
        assert [row["rows_in"] for row in ledger] == [3, 3, 4]
        assert sum(row["rows_new"] for row in ledger) == 5
