"""Which runs are expected: the schedules that Terraform allows, and the grid, the status and the keys under them."""

import re
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from components import run_grid
from pipeline import health, run_hours
from pipeline.schedule import Schedule, to_schedule
from settings import Settings
from tests.dashboard.invented.history import at
from tests.dashboard.invented.ledger import NOW, grid, ledger, run
from theme import colours_of

EVERY_THREE_HOURS = Schedule(minute=30, interval_hours=3)


@pytest.mark.parametrize(
    ("cron", "schedule"),
    [("0 * * * *", Schedule(0, 1)), ("07 * * * *", Schedule(7, 1)), ("59 */6 * * *", Schedule(59, 6))],
)
def test_the_schedules_that_terraform_allows_are_read(cron: str, schedule: Schedule) -> None:
    assert to_schedule(cron) == schedule
    environ = {"GOOGLE_CLOUD_PROJECT": "p", "DASHBOARD_ACCESS": "laptop", "SCHEDULE": cron}
    assert Settings.from_env(environ).schedule == schedule


@pytest.mark.parametrize(
    "cron", ["", "60 * * * *", "0 */5 * * *", "0 3 * * *", "* * * * *", "0 * * * 1", "0 * * *", "hourly"]
)
def test_any_other_schedule_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        to_schedule(cron)


def test_without_a_setting_every_full_hour_is_expected() -> None:
    environ = {"GOOGLE_CLOUD_PROJECT": "p", "DASHBOARD_ACCESS": "laptop"}
    assert Settings.from_env(environ).schedule == Schedule(0, 1)
    assert Settings.from_env(environ | {"SCHEDULE": ""}).schedule == Schedule(0, 1)


@pytest.mark.parametrize(
    ("instant", "slot", "following"),
    [
        ("2026-11-22 12:29", "2026-11-22 09:30", "2026-11-22 12:30"),
        ("2026-11-22 12:30", "2026-11-22 12:30", "2026-11-22 15:30"),
        ("2026-11-22 14:59", "2026-11-22 12:30", "2026-11-22 15:30"),
        ("2026-11-22 00:10", "2026-11-21 21:30", "2026-11-22 00:30"),
        ("2026-11-22 23:50", "2026-11-22 21:30", "2026-11-23 00:30"),
    ],
)
def test_a_slot_stands_until_the_next_one(instant: str, slot: str, following: str) -> None:
    assert EVERY_THREE_HOURS.slot_of(at(instant)) == at(slot)
    assert EVERY_THREE_HOURS.next_after(at(instant)) == at(following)


def test_a_day_has_the_runs_of_its_schedule() -> None:
    assert EVERY_THREE_HOURS.slots(at("2026-11-22 12:40"), 12) == [
        at("2026-11-22 03:30"), at("2026-11-22 06:30"), at("2026-11-22 09:30"), at("2026-11-22 12:30")
    ]  # fmt: skip


def moved(row: dict[str, Any], minutes: int) -> dict[str, Any]:
    """The same row of a run that many minutes later."""
    later = timedelta(minutes=minutes)
    return row | {name: row[name] + later for name in ("slot", "started_at", "finished_at")}


def test_no_hour_between_the_runs_of_a_rarer_schedule_is_missing() -> None:
    # 3:30, 6:30 and 12:30 ran, and one was run by hand at 7:45; 9:30 is missing.
    runs = ledger(*(moved(run(hour, "ingest", "skipped"), 30) for hour in (3, 6, 12)), moved(run(7, "ingest"), 45))
    now = at("2026-11-22 12:40")

    cells = grid(runs, now, 12, EVERY_THREE_HOURS)

    ingest = cells[cells["step"] == "ingest"]
    assert ingest["state"].tolist() == ["skipped", "succeeded", "missing", "skipped"]
    assert health.success_rate(runs, now, schedule=EVERY_THREE_HOURS) == (3, 4)
    assert len(run_hours.attempts(runs, at("2026-11-22 06:30"), "ingest", EVERY_THREE_HOURS)) == 2
    (missing,) = health.problems(runs, now, schedule=EVERY_THREE_HOURS).to_dict("records")
    assert missing["slot"] == pd.Timestamp(at("2026-11-22 09:30"))


def test_a_run_at_seven_minutes_past_is_no_missing_hour() -> None:
    runs = ledger(*(moved(run(hour, "ingest", "skipped"), 7) for hour in (10, 11, 12)))
    at_seven = Schedule(minute=7)

    assert health.success_rate(runs, at("2026-11-22 13:05"), schedule=at_seven) == (3, 3)
    assert health.problems(runs, at("2026-11-22 13:05"), schedule=at_seven).empty


def test_a_pipeline_is_late_an_hour_after_a_run_was_due() -> None:
    runs = ledger(moved(run(9, "ingest", "skipped"), 30))  # finished at 9:31

    assert health.status(runs, at("2026-11-22 13:31"), EVERY_THREE_HOURS).level == "ok"
    assert health.status(runs, at("2026-11-22 13:32"), EVERY_THREE_HOURS).level == "late"
    assert health.status(runs, at("2026-11-22 11:32")).level == "late"


def test_a_cell_is_named_after_its_hour_whatever_the_minute() -> None:
    runs = ledger(moved(run(12, "ingest", "skipped"), 30))
    cells = grid(runs, at("2026-11-22 12:40"), 12, EVERY_THREE_HOURS)

    html = run_grid.grid_html(cells, "UTC", colours_of("light"), "")

    assert 'value="2026-11-22T12.ingest"' in html
    assert 'aria-label="Sun 22 Nov, 12:30, ingest: skipped"' in html


@pytest.mark.parametrize(
    ("schedule", "zone", "names"),
    [
        (Schedule(30, 1), "Asia/Kathmandu", ["18:15", "00:15", "06:15", "12:15"]),
        (Schedule(0, 3), "UTC", ["18:00", "00:00", "06:00", "12:00"]),
        (Schedule(0, 3), "Europe/Berlin", ["19:00", "01:00", "07:00", "13:00"]),
        (Schedule(0, 4), "Europe/Berlin", ["21:00", "01:00", "09:00", "13:00"]),
        (Schedule(0, 6), "Europe/Berlin", ["19:00", "01:00", "07:00", "13:00"]),
    ],
)
def test_the_first_column_of_every_six_hours_has_the_clock_above_it(
    schedule: Schedule, zone: str, names: list[str]
) -> None:
    html = run_grid.grid_html(grid(ledger(), NOW, 24, schedule), zone, colours_of("light"), "")

    assert re.findall(r"<br>(\d\d:\d\d)", html)[::-1] == names


def made_denser() -> tuple[pd.DataFrame, Schedule, datetime]:
    """Every six hours until 18:00 of 21 November, at 20:30 replaced by every hour; it is 12:20 of the 22nd."""
    begins, every_six_hours = at("2026-11-10 00:00"), [n * timedelta(hours=6) for n in range(48)]
    slots = [begins + after for after in every_six_hours if begins + after <= at("2026-11-21 18:00")]
    slots += [at("2026-11-21 21:00") + n * timedelta(hours=1) for n in range(16)]
    noon = run(12, "ingest", "skipped")
    rows = [moved(noon, (slot - noon["slot"]) // timedelta(minutes=1)) | {"run_id": str(slot)} for slot in slots]
    return ledger(*rows), Schedule(since=at("2026-11-21 20:30")), NOW


def test_the_hours_before_a_denser_schedule_are_not_missing() -> None:
    runs, schedule, now = made_denser()

    # Of the week 25 runs of every six hours, from 18:00 of the 15th on, and 16 of every hour.
    assert health.success_rate(runs, now, schedule) == (25 + 16, 25 + 16)
    assert health.problems(runs, now, schedule=schedule).empty
    cells = grid(runs, now, 18, schedule)
    ingest = cells[cells["step"] == "ingest"]
    assert ingest["state"].tolist() == ["not run", "not run", *["skipped"] * 16]
    assert ingest["reason"].iloc[0] == "Before the present schedule."
    words = run_hours.summarise(run_hours.grid_hours(runs, now, 18, schedule), "18 hours")
    assert words == "Every hour that was due was collected, **16** of the last 18 hours."


def test_what_went_wrong_before_and_after_a_change_of_the_schedule_is_still_shown() -> None:
    runs, schedule, now = made_denser()
    is_failed, is_gone = runs["slot"] == at("2026-11-21 12:00"), runs["slot"] == at("2026-11-22 03:00")
    runs = runs.assign(state=runs["state"].mask(is_failed, "failed"))[~is_gone]

    assert health.success_rate(runs, now, schedule) == (25 + 16 - 2, 25 + 16)
    found = health.problems(runs, now, schedule=schedule)
    assert found["slot"].tolist() == [at("2026-11-22 03:00"), at("2026-11-21 12:00")]
    assert found["state"].tolist() == ["missing", "failed"]


def test_a_new_schedule_is_not_late_before_its_first_run() -> None:
    runs = ledger(moved(run(6, "ingest", "skipped"), 0))  # finished at 6:01, the last one of every six hours
    schedule = Schedule(since=at("2026-11-22 11:30"))

    assert health.status(runs, at("2026-11-22 12:10"), schedule).level == "ok"
    assert health.status(runs, at("2026-11-22 13:31"), schedule).level == "late"
    assert health.status(runs, at("2026-11-22 12:10")).level == "late"


def test_when_a_schedule_began_is_read() -> None:
    environ = {"GOOGLE_CLOUD_PROJECT": "p", "DASHBOARD_ACCESS": "laptop", "SCHEDULE": "7 * * * *"}
    assert Settings.from_env(environ | {"SCHEDULE_SINCE": ""}).schedule == Schedule(7)
    since = Settings.from_env(environ | {"SCHEDULE_SINCE": "2026-11-24T12:00:00Z"}).schedule
    assert since == Schedule(7, since=at("2026-11-24 12:00"))
