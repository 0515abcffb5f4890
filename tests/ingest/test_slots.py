from datetime import UTC, datetime

import pytest

from slots import Run, UnreadableSlot, to_slot

NOW = datetime(2026, 11, 22, 10, 0, 3, 141_592, UTC)


@pytest.mark.parametrize(
    ("header", "run_id"),
    [
        ("2026-11-22T10:00:00Z", "20261122T100000Z"),
        ("2026-11-22T10:00:00.123456789Z", "20261122T100000Z"),
        ("2026-11-22T00:30:00+01:00", "20261121T233000Z"),
        (" 2026-11-22t10:00:00z ", "20261122T100000Z"),
        ("2026-11-22T02:00:00-08:00", "20261122T100000Z"),
        ("2026-11-22T02:00:00.416739-08:00", "20261122T100000Z"),
        ("2026-11-20T10:00:04Z", "20261120T100004Z"),
        ("2026-11-22T10:01:03Z", "20261122T100103Z"),
        (None, "20261122T100003Z"),
    ],
)
def test_the_run_is_named_after_its_slot_in_utc_or_after_this_second(header, run_id):
    assert Run(to_slot(header, NOW), NOW).run_id == run_id


@pytest.mark.parametrize(
    "header",
    [
        "2026-11-22T10:01:04Z",
        "2026-11-22T03:00:00-08:00",
        "2026-12-31T16:00:00-08:00",
        "2099-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_a_slot_that_lies_ahead_is_that_of_a_forced_run_which_is_named_after_this_second(header):
    assert Run(to_slot(header, NOW), NOW).run_id == "20261122T100003Z"


@pytest.mark.parametrize("header", ["2026-11-20T10:00:03Z", "2006-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_slot_that_is_days_old_is_refused_in_words(header):
    with pytest.raises(UnreadableSlot, match="is more than 2 days old"):
        to_slot(header, NOW)


@pytest.mark.parametrize(
    "header",
    ["", "now", "2026-11-22", "2026-11-22T10:00:00", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1795341600"],
)
def test_anything_but_an_instant_is_refused_in_words(header):
    with pytest.raises(UnreadableSlot, match="X-CloudScheduler-ScheduleTime must be an instant such as 2026"):
        to_slot(header, NOW)
