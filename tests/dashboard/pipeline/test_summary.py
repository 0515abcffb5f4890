"""The grid of runs in words: hours that were collected, that failed, and in which no listener was polled."""

from datetime import datetime

import pandas as pd

from pipeline import health, run_hours
from tests.dashboard.invented.history import at
from tests.dashboard.invented.ledger import NOW, ledger, not_polled, run, whole


def in_words(runs: pd.DataFrame, hours: int, now: datetime = NOW) -> str:
    return run_hours.summarise(run_hours.grid_hours(runs, now, hours), f"{hours} hours")


def test_hours_before_the_first_run_were_not_collected():
    runs = ledger(*whole(11), *whole(12))
    assert in_words(runs, 24) == "Every hour that was due was collected, **2** of the last 24 hours."
    assert in_words(runs, 2) == "Every hour of the last 2 hours was collected."


def test_an_hour_that_is_waited_for_is_not_said_to_be_collected():
    runs = ledger(*whole(10), *whole(11))
    now = at("2026-11-22 12:10")
    assert in_words(runs, 3, now) == (
        "Every hour of the last 3 hours was collected, and the newest hour is waited for."
    )


def test_hours_of_a_pause_are_named_and_neither_good_nor_bad():
    until = at("2026-11-22 15:00")
    runs = ledger(*whole(8), *(not_polled(hour, until) for hour in (9, 10, 11, 12)))
    assert in_words(runs, 5) == (
        "Of the last 5 hours, **1 hour** was collected. "
        "In **4 hours** no listener was polled: Spotify had asked for a pause."
    )
    assert health.success_rate(runs, NOW) == (1, 1)
    found = health.status(runs, NOW)
    assert (found.level, found.words) == ("paused", "Paused: Spotify asked for a pause")
    assert found.last_success_at == at("2026-11-22 08:01")
    assert health.problems(runs, NOW).empty


def test_a_pipeline_without_a_consent_collects_nothing():
    runs = ledger(not_polled(11), not_polled(12))
    assert in_words(runs, 2) == (
        "No hour of the last 2 hours was collected. "
        "In **2 hours** no listener was polled: no listener had given consent."
    )
    found = health.status(runs, NOW)
    assert (found.level, found.words) == (
        "attention", "Running, but the last run polled no listener: no listener had given consent"
    )  # fmt: skip
    assert found.last_success_at is None
    assert health.success_rate(runs, NOW) == (0, 0)


def test_hours_that_failed_and_hours_of_a_pause_are_both_shown():
    until = at("2026-11-22 15:00")
    runs = ledger(*whole(9), run(10, "ingest", "failed"), not_polled(11, until), *whole(12))
    assert in_words(runs, 4) == (
        "Of the last 4 hours, **1 failed**. Plays of those hours arrive with the next run that works. "
        "In **1 hour** no listener was polled: Spotify had asked for a pause."
    )


def test_the_steps_after_ingest_have_words_of_their_own():
    rows = [*whole(10), *whole(11), *whole(12)]
    rows[1] |= {"state": "failed"}
    rows[7] |= {"state": "failed"}
    assert in_words(ledger(*rows), 3) == (
        "Every hour of the last 3 hours was collected. "
        "After ingest: load **1 failed** and top ten (Spark) **1 failed**."
    )
