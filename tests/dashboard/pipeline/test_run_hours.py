"""Every state of the grid of runs, derived from the ledger and the clock."""

from datetime import datetime

import pandas as pd
import pytest

from pipeline import health, run_hours
from tests.dashboard.invented.history import at
from tests.dashboard.invented.ledger import NOW, grid, imported, ledger, run, whole


def states(runs: pd.DataFrame, now: datetime, hours: int) -> list[list[str]]:
    frame = grid(runs, now, hours)
    return [frame.loc[frame["slot"] == slot, "state"].tolist() for slot in frame["slot"].unique()]


def test_every_state_of_the_grid_is_derived_from_the_ledger_and_the_clock():
    rows = [
        *whole(6),
        run(7, "ingest", "skipped"),
        run(8, "ingest", "failed"),
        # 9 o'clock: nothing at all
        run(10, "ingest", rows_new=3),
        run(10, "load", rows_new=0),
        run(11, "ingest", rows_new=3),
        run(11, "load", "failed", minutes=2),
        run(12, "ingest", rows_new=3),
        run(12, "load", rows_new=3, minutes=3),
        run(12, "transform", minutes=4),
    ]
    assert states(ledger(*rows), NOW, 8) == [
        ["not run"] * 4,
        ["succeeded"] * 4,
        ["skipped", "not run", "not run", "not run"],
        ["failed", "not run", "not run", "not run"],
        ["missing"] * 4,
        ["succeeded", "succeeded", "not run", "not run"],
        ["succeeded", "failed", "not run", "not run"],
        ["succeeded", "succeeded", "succeeded", "running"],
    ]


def test_a_slot_is_waited_for_a_quarter_of_an_hour_and_then_missing():
    runs = ledger(*whole(11))
    assert states(runs, at("2026-11-22 12:15"), 1) == [["waiting"] * 4]
    assert states(runs, at("2026-11-22 12:16"), 1) == [["missing"] * 4]


def test_a_step_that_does_not_end_goes_missing():
    runs = ledger(run(10, "ingest", rows_new=3, minutes=1))
    assert states(runs, at("2026-11-22 10:31"), 1) == [["succeeded", "running", "waiting", "waiting"]]
    assert states(runs, at("2026-11-22 10:32"), 1) == [["succeeded", "missing", "missing", "missing"]]


def test_the_row_finished_last_decides_the_state_of_a_step():
    runs = ledger(run(12, "ingest", "failed", minutes=1), run(12, "ingest", minutes=6, rows_new=2))
    cell = grid(runs, NOW, 1).iloc[0]
    assert (cell["state"], cell["glyph"], cell["rows_new"]) == ("succeeded", "✓", 2)


def test_a_run_by_hand_stands_in_its_hour():
    by_hand = {**run(12, "ingest"), "slot": at("2026-11-22 12:07"), "run_id": "20261122T120700Z"}
    assert grid(ledger(by_hand), NOW, 1)["state"].tolist()[0] == "succeeded"


def test_every_state_has_a_glyph_of_its_own_so_that_colour_is_never_alone():
    assert set(run_hours.GLYPHS) == set(run_hours.STATES)
    assert all(run_hours.GLYPHS.values())
    assert len(set(run_hours.GLYPHS.values())) == len(run_hours.STATES)


@pytest.mark.parametrize("command", [("import", "load"), ("undo",), ("repair",)], ids=lambda steps: steps[0])
def test_a_command_of_the_owners_changes_nothing_in_the_grid_of_the_hours(command):
    hours = [*whole(10), run(11, "ingest", "skipped"), run(12, "ingest", "skipped")]
    steps = imported(11, *command, "transform", "top_tracks")
    assert states(ledger(*hours, *steps), NOW, 3) == states(ledger(*hours), NOW, 3)
    assert states(ledger(*hours, *steps), NOW, 3)[1] == ["skipped", "not run", "not run", "not run"]
    assert health.success_rate(ledger(*hours, *steps), NOW) == (3, 3)
    assert health.problems(ledger(*hours, *steps), NOW).empty


def test_a_run_without_new_plays_has_nothing_to_load():
    runs = ledger(*whole(11), run(12, "ingest", rows_new=0))
    assert states(runs, at("2026-11-22 12:59"), 1) == [["succeeded", "not run", "not run", "not run"]]
