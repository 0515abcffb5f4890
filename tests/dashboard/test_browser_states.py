"""Pages with nothing or too little to show, or with a warehouse that does not answer, in a real Chromium."""

from collections.abc import Callable

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


@pytest.mark.parametrize("state", [*STATES, "stale"])
def test_an_empty_or_broken_page_looks_finished_as_well(
    browser: Browser, address: str, in_state: Callable[[str], object], state: str
) -> None:
    """Wide in light and narrow in dark: what depends on one of them alone, `test_browser` sees."""
    in_state(state)
    for theme, width in (("light", 1366), ("dark", 390)):
        for path in STATE_PAGES.get(state, ("", "pipeline")):
            with browser.visit(address, theme, width) as visit:
                visit.open(path)
                assert visit.flaws() == {}, (path, theme, width)
                visit.picture(f"{path or 'overview'}-{width}-{theme}-{state}")
