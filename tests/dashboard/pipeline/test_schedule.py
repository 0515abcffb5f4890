"""Which runs are expected: the schedules that Terraform allows, and the grid, the status and the keys under them."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from components import run_grid
from pipeline import health, run_hours
from pipeline.schedule import Schedule, to_schedule
from settings import Settings
from tests.dashboard.invented.history import at
from tests.dashboard.invented.ledger import grid, ledger, run
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
