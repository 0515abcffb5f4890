"""Pages with nothing or too little to show, or with a warehouse that does not answer, in a real Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.dashboard.browsing import IN_A_BROWSER, Browser
from tests.dashboard.invented_states import STATES

pytestmark = IN_A_BROWSER

STATE_PAGES = {
    "no-features": ("sound",),
    "one-play": ("", "top", "when", "discoveries", "sound", "year", "history"),
    "few-plays": ("", "when"),
    "nothing-lately": ("", "sound"),
    "late": ("",),
    "stale": ("", "pipeline"),
}
"""Where a state shows itself; elsewhere on the overview and the pipeline page."""


@pytest.fixture
def in_state(state_file: Path) -> Iterator[Callable[[str], object]]:
    yield state_file.write_text
    state_file.write_text("")


@pytest.mark.parametrize(("theme", "width"), [("light", 1366), ("dark", 390)])
@pytest.mark.parametrize("state", [*STATES, "stale"])
def test_an_empty_or_broken_page_looks_finished_as_well(
    browser: Browser,
    address: str,
    in_state: Callable[[str], object],
    state: str,
    theme: str,
    width: int,
) -> None:
    in_state(state)
    for path in STATE_PAGES.get(state, ("", "pipeline")):
        with browser.visit(address, theme, width) as visit:
            visit.open(path)

            assert visit.page.locator("[data-testid=stException]").count() == 0
            assert visit.barriers() == []
            assert visit.overhang() <= 0
            assert visit.complaints == []
            visit.picture(f"{path or 'overview'}-{width}-{theme}-{state}")
