"""The grid of runs as HTML, and the key of a cell in the URL."""

from datetime import UTC, datetime, timedelta

import pytest

from components import run_grid
from pipeline import run_hours
from tests.dashboard.invented.history import at
from tests.dashboard.invented.ledger import NOW, grid, imported, ledger, run, whole
from theme import colours_of


def test_every_cell_is_a_button_with_its_state_in_words_and_the_newest_hour_comes_first() -> None:
    cells = grid(ledger(*whole(11), run(12, "ingest", "failed", reason="<b>503</b>")), NOW, 2)

    html = run_grid.grid_html(cells, "Asia/Kathmandu", colours_of("light"), "One failed.")

    assert html.count("<button") == 8
    # 12:00 UTC is 17:45 in Kathmandu.
    assert html.index('aria-label="Sun 22 Nov, 17:45, ingest: failed"') < html.index(
        "Sun 22 Nov, 16:45, ingest: succeeded"
    )
    assert 'value="2026-11-22T12.ingest"' in html
    assert "&lt;b&gt;503&lt;/b&gt;" in html
    assert "<b>503" not in html


def test_more_than_a_day_stands_in_rows_of_a_day_the_newest_on_top() -> None:
    html = run_grid.grid_html(grid(ledger(*whole(12)), NOW, 72), "UTC", colours_of("light"), "")

    first, *older = html.split('<div class="hr-runs-row">')[1:]
    assert [row.count("<button") for row in (first, *older)] == [24 * 4] * 3
    assert 'value="2026-11-22T12.ingest"' in first
    assert 'value="2026-11-21T12.ingest"' in older[0]
    assert all("top ten (Spark)</span>" in row for row in older)


def test_the_key_of_a_cell_survives_the_address() -> None:
    key = run_grid.CellKey(datetime(2026, 11, 22, 12, tzinfo=UTC), "top_tracks")

    assert run_grid.to_cell_key(str(key)) == key


@pytest.mark.parametrize(
    "text", [None, "", ".", "2026-11-22T12", "2026-11-22T12.nothing", "2026-13-45T99.ingest", "\0.load"]
)
def test_rubbish_in_the_address_is_no_cell(text: str | None) -> None:
    assert run_grid.to_cell_key(text) is None


def test_all_rows_of_a_cell_are_its_attempts_the_first_one_first() -> None:
    by_hand = run(9, "load", minutes=31)
    rows = ledger(run(9, "load", minutes=20), run(9, "load", "failed", minutes=5), run(9, "ingest"), run(10, "load"))
    by_hand["slot"] += timedelta(minutes=30)
    rows = ledger(*rows.to_dict("records"), by_hand)

    attempts = run_hours.attempts(rows, at("2026-11-22 09:00"), "load")

    assert list(attempts["state"]) == ["failed", "succeeded", "succeeded"]
    assert list(attempts["finished_at"].dt.minute) == [5, 20, 31]


def test_a_file_of_an_import_is_no_attempt_of_the_hour_it_came_in() -> None:
    rows = ledger(run(9, "load", minutes=5), *imported(9, "import", "load"))

    assert list(run_hours.attempts(rows, at("2026-11-22 09:00"), "load")["run_id"]) == ["20261122T090000Z"]
