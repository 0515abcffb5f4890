"""What a person does in a real Chromium: opens, chooses, turns pages, goes back, reloads, saves."""

from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect

from charts import year_picture
from tests.dashboard.browser.browser import IN_A_BROWSER, SCREENSHOTS, Browser, Visit

pytestmark = IN_A_BROWSER

_ENDS = "texts => texts.map(text => text.getBoundingClientRect()).map(box => [box.left, box.right])"
CHOSEN = {"period": ["90 days"], "by": ["Plays"], "zone": ["Asia/Tokyo"]}


@pytest.mark.parametrize("width", [1366, 390])
def test_a_cell_of_the_grid_opens_a_drawer_by_mouse_and_by_keyboard(browser: Browser, address: str, width: int) -> None:
    with browser.visit(address, width=width) as visit:
        visit.open("pipeline")
        visit.page.locator(".hr-runs button[aria-label$='ingest: failed']").first.click()
        drawer = visit.page.get_by_role("dialog")
        drawer.get_by_text("Spotify answered 503 three times; the next run").wait_for()
        visit.settle()
        assert visit.barriers() == []
        visit.picture(f"drawer-{width}-light")
        assert "cell=" in visit.page.url

        visit.page.keyboard.press("Escape")
        drawer.wait_for(state="detached")
        visit.page.wait_for_url(lambda url: "cell=" not in url)
        visit.settle()
        visit.page.locator(".hr-runs button[aria-label$='ingest: missing']").first.press("Enter")
        drawer.get_by_text("The ledger has no row of it.").wait_for()
        visit.page.reload()
        drawer.get_by_text("The ledger has no row of it.").wait_for()
        assert visit.complaints == []


def test_a_year_is_saved_as_a_picture(browser: Browser, address: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with browser.visit(address) as visit:
        visit.open("year")
        for name, ending in (("Save as picture", "png"), ("As SVG", "svg")):
            with visit.page.expect_download() as download:
                visit.page.get_by_role("button", name=name).click()
            assert download.value.suggested_filename.endswith(f".{ending}")
            download.value.save_as(SCREENSHOTS / f"year.{ending}")
        assert visit.strangers() == set()
        assert visit.complaints == []

    with Image.open(SCREENSHOTS / "year.png") as picture:
        assert picture.size == (year_picture.WIDTH, year_picture.HEIGHT)
        colours = {colour for _, colour in picture.convert("RGB").getcolors(maxcolors=100_000)}
    assert {(255, 255, 255), (0x4F, 0x46, 0xC8), (0x17, 0x1A, 0x21)} <= colours, "paper, bars and ink"


def test_the_widest_numbers_of_a_picture_stand_side_by_side(browser: Browser, address: str) -> None:
    widest = [
        ("99 h 59 min", "listened, estimated"),
        ("123,456", "plays"),
        ("9,999", "artists"),
        ("9,999", "new artists"),
    ]
    drawn = year_picture.svg("November 2026", "Ania", widest, [], [1.0], [""]).decode()
    with browser.visit(address) as visit:
        visit.page.set_content(f"<style>body {{ margin: 0 }}</style>{drawn}")
        numbers = visit.page.locator("text").evaluate_all(_ENDS)[2:10]

    for row in (numbers[::2], numbers[1::2]):
        assert all(right + 12 < left for (_, right), (left, _) in pairwise([*row, (year_picture.WIDTH, 0)])), row


def test_the_place_in_the_history_survives_a_reload(browser: Browser, address: str) -> None:
    with browser.visit(address) as visit:
        visit.open("history")
        visit.page.get_by_role("button", name="Older", exact=True).click()
        visit.page.wait_for_url("**/history?before=*")
        visit.settle()
        before = visit.page.locator(".st-key-hr-lead").inner_text()
        visit.page.reload()
        visit.settle()

        assert visit.page.locator(".st-key-hr-lead").inner_text() == before
        visit.page.locator("[data-testid=stDataFrame]").hover()
        # Streamlit's own would keep a title that a spreadsheet takes for a formula.
        assert visit.page.get_by_role("button", name="Search").count() == 1
        assert visit.page.get_by_role("button", name="Download as CSV").count() == 0


def test_back_takes_one_step_a_page_and_filters_survive_it_and_a_reload(browser: Browser, address: str) -> None:
    with browser.visit(address) as visit:
        visit.open("?period=90+days&by=Plays&zone=Asia%2FTokyo")
        for name in ("Year", "Pipeline", "When", "Top"):
            visit.page.get_by_role("link", name=name, exact=True).click()
            expect(visit.page.locator("h1")).to_have_text(name)
            visit.settle()
        first = visit.page.locator(".hr-title a").first
        name = first.inner_text()
        first.click()
        visit.page.wait_for_url("**/track?*")
        expect(visit.page.locator("h1")).to_have_text(name)
        visit.settle()

        for title in ("Top", "When", "Pipeline", "Year", "Overview"):
            visit.page.go_back()
            expect(visit.page.locator("h1")).to_have_text(title)
            visit.settle()
            assert _chosen(visit) == CHOSEN
            assert "imes in Asia/Tokyo" in _caption(visit)
        before = _caption(visit)
        visit.page.reload()
        visit.settle()
        assert _caption(visit) == before


def test_what_the_options_say_is_in_the_address_and_survives_page_and_listener(browser: Browser, address: str) -> None:
    with browser.visit(address) as visit:
        visit.open("")
        visit.page.get_by_role("button", name="Options").click()
        visit.page.get_by_role("dialog").get_by_text("Plays", exact=True).click()
        visit.page.wait_for_url("**by=Plays*")
        visit.settle()
        zone = visit.page.get_by_role("dialog").get_by_role("combobox")
        zone.fill("Kathmandu")
        visit.page.get_by_role("option", name="Asia/Kathmandu").click()
        visit.page.wait_for_url("**zone=Asia*")
        visit.settle()
        chosen = {"by": ["Plays"], "zone": ["Asia/Kathmandu"]}
        assert _chosen(visit) == chosen
        assert "times in Asia/Kathmandu" in _caption(visit)
        visit.page.keyboard.press("Escape")

        visit.page.get_by_role("link", name="Top", exact=True).click()
        expect(visit.page.locator("h1")).to_have_text("Top")
        visit.settle()
        visit.page.get_by_role("combobox", name="Listener").click()
        visit.page.get_by_role("option", name="Bo").click()
        visit.page.wait_for_url("**listener=Bo*")
        visit.settle()
        assert _chosen(visit) == chosen | {"listener": ["Bo"]}
        assert "times in Asia/Kathmandu" in _caption(visit)
        visit.page.get_by_role("button", name="Options").click()
        assert visit.page.get_by_role("dialog").get_by_role("combobox").input_value() == "Asia/Kathmandu"
        assert visit.complaints == []


def test_a_custom_period_is_chosen_by_two_days(browser: Browser, address: str) -> None:
    with browser.visit(address) as visit:
        visit.open("")
        visit.page.get_by_text("Custom", exact=True).click()
        expect(visit.page.locator("[data-testid=stDateInput]")).to_have_count(1)
        visit.settle()

        assert visit.barriers() == []
        assert visit.page.locator("[data-testid=stException]").count() == 0


def _chosen(visit: Visit) -> dict[str, list[str]]:
    """What the address says, in whatever order."""
    return parse_qs(urlsplit(visit.page.url).query)


def _caption(visit: Visit) -> str:
    return visit.page.locator("[data-testid=stCaptionContainer]").first.inner_text().split(" · newest")[0]
