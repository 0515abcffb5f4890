from datetime import UTC, datetime, timedelta

from gaps import pages_without_overlap, write_gaps
from landing import to_csv
from plays import key_of
from tests.ingest.items import RUN, row

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)


def page(listener_id, plays):
    return [row(NINE + timedelta(minutes=minute), "a", listener_id=listener_id) for minute in range(plays)]


def test_only_a_full_page_of_which_nothing_is_stored_is_suspicious():
    rows = [*page("full", 50), *page("short", 49), *page("overlapping", 50), *page("half-unreadable", 30)]
    items = {"full": 50, "short": 49, "overlapping": 50, "half-unreadable": 50, "all-unreadable": 50, "silent": 0}
    stored = {key_of(page("overlapping", 50)[49]), ("full", NINE + timedelta(minutes=50), "a"), ("full", NINE, "b")}
    assert pages_without_overlap(items, rows, stored) == {"full": NINE, "half-unreadable": NINE}


def test_a_gap_reaches_from_the_newest_play_before_the_page_to_the_page_and_is_recorded_once(ingesting):
    stored = [("ada", -90), ("ada", -60), ("ada", 30), ("bob", -120)]
    rows = [row(NINE + timedelta(minutes=minute), "a", listener_id=listener_id) for listener_id, minute in stored]
    ingesting.cloud.storage.write(ingesting.landing, "plays/past.csv", to_csv(rows))
    ingesting.load("plays/past.csv")
    client = ingesting.connect().bigquery
    oldest = {"ada": NINE, "bob": NINE + timedelta(minutes=180), "newcomer": NINE}
    for _ in range(2):
        write_gaps(client, RUN, oldest)
    detected = {"run_id": "20261122T100000Z", "detected_at": RUN.started_at}
    assert ingesting.gaps() == [
        {"listener_id": "ada", "gap_start": NINE - timedelta(minutes=60), "gap_end": NINE, **detected},
        {
            "listener_id": "bob",
            "gap_start": NINE - timedelta(minutes=120),
            "gap_end": NINE + timedelta(minutes=180),
            **detected,
        },
    ]
