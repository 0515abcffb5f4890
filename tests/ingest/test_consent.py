from datetime import UTC, datetime, timedelta

import pytest

import consent


def day(text):
    return datetime.fromisoformat(f"{text}T12:30:00").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("consented_on", "ends_on"),
    [
        ("2026-01-15", "2026-07-15"),
        ("2026-07-20", "2027-01-20"),
        ("2026-08-31", "2027-02-28"),
        ("2027-08-31", "2028-02-29"),
        ("2026-03-31", "2026-09-30"),
        ("2026-12-31", "2027-06-30"),
        ("2026-06-30", "2026-12-30"),
    ],
)
def test_consent_ends_six_calendar_months_later_at_the_same_time_of_day(consented_on, ends_on):
    assert consent.ends_at(day(consented_on)) == day(ends_on)


def test_warnings_are_due_thirty_days_a_week_a_day_and_hours_ahead_and_never_afterwards():
    ends_at = day("2026-11-22")
    due = [
        hours
        for hours in range(-48, 24 * 40)
        if consent.is_warning_due(ends_at, ends_at - timedelta(hours=hours, minutes=30))
    ]
    assert due == [*range(24), *range(24, 48), *range(7 * 24, 8 * 24), *range(30 * 24, 31 * 24)]
