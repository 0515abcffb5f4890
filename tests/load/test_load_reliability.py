"""Whatever happens between two calls, a redelivered event ends well: same plays, told at least once, one ledger row."""

import itertools
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.faults import Fault
from tests.load.loading import COLUMNS, NAME, csv_of, loading_cloud, play
from tests.load.test_load import ledger_row

ANY_CALL = "^(gcp|bigquery) "
LOADED = [ledger_row("succeeded", "Of 2 plays in the file 2 were new.", 2, 2, 1)]


def names():
    """One run's file after the other."""
    for hour in itertools.count():
        day, hour_of_day = divmod(hour, 24)
        yield f"plays/2026/12/{day + 1:02}/202612{day + 1:02}T{hour_of_day:02}0000Z.csv"


def calls_of_one_load(loading):
    loading.cloud.faults.clear()
    loading.restart()
    loading.land(csv_of(play(-1)), "plays/2026/11/30/20261130T000000Z.csv")
    loading.deliver()
    calls = [call for call in loading.cloud.faults.calls if not call.startswith("events")]
    loading.receive()
    return calls


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_function_stopped_at_any_of_its_calls_loses_nothing(loading, when):
    calls = calls_of_one_load(loading)
    assert len(calls) > 8
    for number, name in zip(range(len(calls)), names(), strict=False):
        loading.restart()
        loading.land(csv_of(play(2 * number), play(2 * number + 1)), name)
        loading.cloud.faults.order(Fault(ANY_CALL, "stop", when, skip=number))

        assert loading.deliver() == [500], calls[number]
        loading.cloud.faults.clear()
        loading.restart()
        assert loading.deliver() == [200], calls[number]

        run_id = name[-20:-4]
        assert loading.plays()[-2:] == [play(2 * number), play(2 * number + 1)], calls[number]
        told = {(message["run_id"], message["rows_new"]) for message in loading.receive()}
        assert told == {(run_id, 2)}, calls[number]
        (row,) = [row for row in loading.ledger() if row["run_id"] == run_id]
        assert row == {**LOADED[0], "run_id": run_id, "slot": row["slot"]}, calls[number]


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

        assert loading.plays()[-2:] == [play(2 * number), play(2 * number + 1)], calls[number]


def test_a_repeat_after_the_staging_table_expired_finds_its_merge(loading):
    loading.land(csv_of(play(1), play(2)))
    loading.deliver()
    loading.cloud.clock.set(loading.cloud.clock.now() + timedelta(days=4))
    loading.cloud.storage.delete(loading.landing, NAME)

    assert loading.post_event() == 200

    assert loading.plays() == [play(1), play(2)]
    assert loading.ledger() == LOADED


@pytest.mark.parametrize("stopped_again", [False, True])
def test_a_load_whose_rows_expired_before_the_merge_is_made_again(loading, stopped_again):
    loading.land(csv_of(play(1), play(2)))
    loading.cloud.faults.order(Fault("bigquery POST .*/queries", "stop"))
    assert loading.deliver() == [500]
    loading.cloud.faults.clear()
    loading.cloud.clock.set(loading.cloud.clock.now() + timedelta(days=4))
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
    loading.cloud.clock.set(loading.cloud.clock.now() + timedelta(days=4))
    loading.cloud.storage.delete(loading.landing, NAME)

    assert loading.post_event() == 200

    assert [row["error_class"] for row in loading.ledger()] == ["ObjectGone"]


# Three files that overlap in every way, one with a duplicate in itself; equal keys are equal plays.
FILES = [[0, 1, 2], [2, 3, 3], [1, 2, 3, 4]]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=3, max_size=7))
def test_any_order_and_repetition_of_events_leaves_the_same_plays(order):
    with tempfile.TemporaryDirectory() as directory, loading_cloud(Path(directory)) as loading:
        for name, minutes in zip(names(), FILES, strict=False):
            loading.land(csv_of(*(play(minute) for minute in minutes)), name)
        loading.withhold()
        for file in [*order, 0, 1, 2]:
            assert loading.post_event(file) == 200

        assert loading.plays() == [play(minute) for minute in range(5)]
        assert sum(row["rows_new"] for row in loading.ledger()) == 5
        assert [row["rows_in"] for row in loading.ledger()] == [3, 3, 4]


def test_the_csv_of_these_tests_has_the_tables_columns():
    assert csv_of().decode() == ",".join(COLUMNS) + "\n"
