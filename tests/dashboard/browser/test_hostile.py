"""Every page in a real Chromium over names, addresses and ids made to do harm: they show, and do nothing."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.dashboard.browser.browser import IN_A_BROWSER, PAGES, Browser
from tests.dashboard.invented.hostile import EVIL, hostile_warehouse
from tests.dashboard.page_names import ITEMS
from tests.dashboard.pages.app import NOW

pytestmark = IN_A_BROWSER


def _known_id(path: str) -> str:
    """What listener-one played last, so that its page has a title."""
    plays = hostile_warehouse(NOW).tables["plays"]
    mine = plays[plays["listener_id"] == "listener-one"]
    return str(mine[f"{path if path in ITEMS else 'track'}_id"].iloc[-9])


@pytest.mark.parametrize("path", [*PAGES[:-1], "track", "artist"])
def test_a_browser_runs_nothing_requests_nothing_and_links_nowhere(
    browser: Browser, address: str, in_state: Callable[[str], object], path: str
) -> None:
    in_state("hostile")
    with browser.visit(address) as visit:
        visit.open(f"{path}?{urlencode({'period': 'All time', 'q': 'evil', 'id': _known_id(path)})}")

        assert visit.page.locator("[data-testid=stException]").count() == 0
        assert visit.page.evaluate("window.pwned") is None
        assert visit.strangers() == set()
        links = "[...document.links].map(link => link.hostname)"
        assert [host for host in visit.page.evaluate(links) if host.endswith(EVIL)] == []
        assert visit.page.evaluate("[...document.images].filter(picture => picture.src.includes('evil')).length") == 0
        assert visit.overhang() <= 0
        visit.picture(f"hostile-{path or 'overview'}")
