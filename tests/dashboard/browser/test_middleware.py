"""What another page, another browser or a script that got in can do to a dashboard in a real Chromium: nothing."""

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.dashboard.browser.browser import IN_A_BROWSER, Browser

pytestmark = IN_A_BROWSER

_INJECT = """async () => {
  const script = document.createElement("script")
  script.textContent = "window.ran = 'a script'"
  document.body.append(script)
  const picture = document.createElement("img")
  picture.setAttribute("onerror", "window.ran = 'a handler'")
  const failed = new Promise((done) => picture.addEventListener("error", done))
  picture.src = "/nothing.png"
  document.body.append(picture)
  await failed
  try { new Function("window.ran = 'a text'")() } catch (error) { return [error.name, window.ran] }
}"""
_FETCH = "url => fetch(url).then(answer => [answer.status, answer.headers.get('cache-control')])"


def test_a_script_that_got_into_a_page_does_not_run_while_charts_work(browser: Browser, address: str) -> None:
    with browser.visit(address) as visit:
        visit.open("when")
        assert visit.empty_charts() == 0
        visit.page.locator("[data-testid=stVegaLiteChart] .mark-rect path").first.hover()
        visit.page.locator("#vg-tooltip-element.visible").wait_for()
        assert visit.complaints == []

        assert visit.page.evaluate(_INJECT) == ["EvalError", None]


def test_a_download_is_for_the_browser_that_asked_for_it(browser: Browser, address: str) -> None:
    with browser.visit(address) as mine, browser.first_visit(address) as other:
        mine.open("history")
        with mine.page.expect_download() as download:
            mine.page.get_by_role("button", name="Everything as CSV").click()
        file = download.value.url
        assert download.value.suggested_filename == "plays-listener-one.csv"

        assert mine.page.evaluate(_FETCH, file) == [200, "no-store"]
        other.open("about")
        assert other.page.evaluate(_FETCH, file)[0] == 404
        with pytest.raises(HTTPError, match="404"):
            urlopen(file, timeout=30)


def test_a_page_whose_name_leads_to_this_computer_gets_no_name(browser: Browser, address: str) -> None:
    received: list[bytes] = []
    with (
        browser.another("--host-resolver-rules=MAP evil.example 127.0.0.1") as rebound,
        rebound.visit(address.replace("127.0.0.1", "evil.example")) as visit,
    ):
        visit.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(frame)))
        visit.open("history")

        visit.page.get_by_text("lets in a browser of the same computer and no other").wait_for()
    assert any(b"same computer" in frame for frame in received)
    assert not [frame for frame in received if b"Ania" in frame or b"listener-one" in frame]
