"""Pages with nothing or too little to show, or with a warehouse that does not answer, in a real Chromium."""

from collections.abc import Callable

import pytest

from tests.dashboard.browser.browser import IN_A_BROWSER, Browser, Theme
from tests.dashboard.invented.states import STATES

pytestmark = IN_A_BROWSER

STATE_PAGES = {
    "no-features": ("sound",),
    "no-endings": ("discoveries",),
    "one-play": ("", "top", "when", "discoveries", "sound", "year", "history"),
    "few-plays": ("", "when"),
    "nothing-lately": ("", "sound"),
    "late": ("",),
    "stale": ("", "pipeline"),
}
"""Where a state shows itself; elsewhere on the overview and the pipeline page."""


ALL = [*STATES, "stale"]


@pytest.mark.parametrize("state", ALL)
def test_an_empty_or_broken_page_looks_finished_as_well(
    browser: Browser, address: str, in_state: Callable[[str], object], state: str
) -> None:
    """Wide and narrow; the themes take turns, as what depends on one of them alone, `test_every_page.py` sees."""
    in_state(state)
    for place, path in enumerate(STATE_PAGES.get(state, ("", "pipeline")), start=ALL.index(state)):
        theme: Theme = "dark" if place % 2 else "light"
        with browser.visit(address, theme) as visit:
            visit.open(path)
            for width in (1366, 390):
                visit.resize(width)
                visit.settle()
                assert visit.flaws(elements_are_known=width == 390) == {}, (path, theme, width)
                visit.picture(f"{path or 'overview'}-{width}-{theme}-{state}")
