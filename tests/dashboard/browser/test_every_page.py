"""Every page in a real Chromium, light and dark, at four widths: no error, no stranger asked, nothing cut off."""

import pytest

from tests.dashboard.browser.browser import IN_A_BROWSER, PAGES, Browser, Theme
from tests.dashboard.invented.warehouse import warehouse
from tests.dashboard.page_names import ITEMS
from tests.dashboard.pages.app import NOW

pytestmark = IN_A_BROWSER


LOOKS: tuple[tuple[Theme, int], ...] = (
    *(("light", 1366), ("light", 768), ("light", 360)),
    *(("dark", 1366), ("dark", 390)),
)


@pytest.mark.parametrize("path", [*PAGES, *ITEMS])
def test_a_page_looks_finished_and_requests_nothing_outside(browser: Browser, address: str, path: str) -> None:
    with browser.visit(address) as visit:
        visit.open(_with_id(path))
        assert visit.page.title() == f"{visit.page.locator('h1').inner_text()} · Heavy Rotation"
        for theme, width in LOOKS:
            visit.resize(width)
            visit.turn(theme)
            visit.settle()
            assert visit.flaws(elements_are_known=theme == "dark") == {}, (theme, width)
            visit.picture(f"{path or 'overview'}-{width}-{theme}")
        assert visit.strangers() == set()


def test_the_first_load_is_compressed(browser: Browser, address: str) -> None:
    """At most 1.6 MB; Streamlit alone sends 3.9 MB."""
    received = []
    with browser.first_visit(address) as visit:
        session = visit.page.context.new_cdp_session(visit.page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        visit.open("")

    assert sum(received) <= 1_600_000


def _with_id(path: str) -> str:
    if path == "together":
        return f"{path}?with=Ania&with=Bo&with=listener-three&period=All+time"
    if path not in ITEMS:
        return path
    plays = warehouse(NOW).tables["plays"]
    return f"{path}?id={plays.loc[plays['listener_id'] == 'listener-one', ITEMS[path]].iloc[-9]}"
