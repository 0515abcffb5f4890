"""Values from the URL are untrusted: what is unknown or not allowed becomes the default, and nothing ever raises."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.periods import DEFAULT_PERIOD
from components.filters import Filters, checked, default_zone, period_of, valid_zone, zone_choices
from tests.dashboard.invented.history import at

NOW = at("2026-11-22 12:00")
ALLOWED = ("ania", "ben")
DEFAULT = Filters("ania", DEFAULT_PERIOD, None, "Minutes", "UTC")


def test_without_anything_in_the_url_there_are_defaults():
    assert checked({}, [], ALLOWED, NOW) == DEFAULT
    assert checked({}, [], ALLOWED, NOW, "Europe/Warsaw", "Asia/Tokyo").zone == "Europe/Warsaw"
    assert checked({}, [], ALLOWED, NOW, None, "Asia/Tokyo").zone == "Asia/Tokyo"


def test_everything_that_is_allowed_is_taken():
    raw = {"listener": "ben", "period": "Custom", "by": "Plays", "zone": "Asia/Kathmandu"}
    filters = checked(raw, ["2026-11-01", "2026-11-10"], ALLOWED, NOW)
    assert filters == Filters("ben", "Custom", (date(2026, 11, 1), date(2026, 11, 10)), "Plays", "Asia/Kathmandu")
    period = period_of(filters, NOW, None)
    assert (period.start, period.end, period.zone) == (date(2026, 11, 1), date(2026, 11, 10), "Asia/Kathmandu")


@pytest.mark.parametrize(
    ("raw", "dates"),
    [
        ({"listener": "cleo"}, []),
        ({"listener": "../ania"}, []),
        ({"period": "all time"}, []),
        ({"period": "Custom"}, []),
        ({"period": "Custom"}, ["2026-11-01"]),
        ({"period": "Custom"}, ["2026-11-01", "x"]),
        ({"period": "Custom"}, ["2026-11-24", "2026-11-25"]),
        ({"period": "Custom"}, ["0001-01-01", "9999-12-31"]),
        ({"by": "Bytes"}, []),
        ({"zone": "Asia/India"}, []),
        ({"zone": "../../etc/passwd"}, []),
        ({"zone": "/etc/localtime"}, []),
        ({"zone": "posix/Europe/Berlin"}, []),
        ({"zone": "U" * 100_000}, []),
    ],
)
def test_what_is_not_allowed_becomes_the_default(raw: dict[str, str], dates: list[str]):
    assert checked(raw, dates, ALLOWED, NOW) == DEFAULT


@given(
    st.dictionaries(st.sampled_from(["listener", "period", "by", "zone"]), st.text() | st.just("Custom")),
    st.lists(st.text(), max_size=3),
)
def test_rubbish_never_raises_and_never_gets_through(raw: dict[str, str], dates: list[str]):
    filters = checked(raw, dates, ALLOWED, NOW)
    assert filters.listener in ALLOWED
    assert period_of(filters, NOW, None).days >= 1


@given(
    listener=st.sampled_from(ALLOWED),
    period=st.sampled_from(["7 days", "90 days", "All time", "Custom"]),
    start=st.dates(date(2006, 1, 1), date(2026, 11, 22)),
    end=st.dates(date(2006, 1, 1), date(2026, 11, 22)),
    by=st.sampled_from(["Minutes", "Plays"]),
    zone=st.sampled_from(zone_choices(None, None)),
)
def test_a_link_leads_back_to_the_same_choice(listener: str, period: str, start: date, end: date, by: str, zone: str):
    dates = (min(start, end), max(start, end)) if period == "Custom" else None
    filters = Filters(listener, period, dates, by, zone)
    query = filters.as_query()
    assert checked(query, query.pop("dates", []), ALLOWED, NOW) == filters


@pytest.mark.parametrize(("first", "starts"), [("2026-11-20", 20), ("2026-11-23", 22)])
def test_dates_are_put_in_order_and_end_today_at_the_latest(first: str, starts: int):
    """On the 23rd it is 02:00 in Kiritimati: there it was chosen."""
    filters = checked({"period": "Custom"}, ["2027-03-01", first], ALLOWED, NOW)
    assert filters.dates == (date(2026, 11, starts), date(2026, 11, 22))


def test_legacy_names_of_zones_are_zones_and_invented_ones_are_not():
    assert valid_zone("Asia/Calcutta") == "Asia/Calcutta"
    assert valid_zone("Asia/India") is None
    assert valid_zone("localtime") is None, "where the server is"
    assert valid_zone("Factory") is None
    assert default_zone("Mars/Olympus", None) == "UTC"
    assert zone_choices("Europe/Warsaw", "Asia/Tokyo")[:3] == ["Europe/Warsaw", "Asia/Tokyo", "UTC"]
    assert len(zone_choices("UTC", "UTC")) == len(set(zone_choices("UTC", "UTC")))
