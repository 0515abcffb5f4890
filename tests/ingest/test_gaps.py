from datetime import UTC, datetime, timedelta

from gaps import pages_without_overlap
from plays import key_of
from tests.ingest.items import row

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)


def page(listener_id, plays):
    return [row(NINE + timedelta(minutes=minute), "a", listener_id=listener_id) for minute in range(plays)]


def test_only_a_full_page_of_which_nothing_is_stored_is_suspicious():
    rows = [*page("full", 50), *page("short", 49), *page("overlapping", 50), *page("half-unreadable", 30)]
    items = {"full": 50, "short": 49, "overlapping": 50, "half-unreadable": 50, "all-unreadable": 50, "silent": 0}
    stored = {key_of(page("overlapping", 50)[49]), ("full", NINE + timedelta(minutes=50), "a"), ("full", NINE, "b")}
    assert pages_without_overlap(items, rows, stored) == {"full": NINE, "half-unreadable": NINE}
