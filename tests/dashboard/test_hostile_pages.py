"""Every page over names, addresses, ids, reasons and parameters made to do harm: they show, and do nothing."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from streamlit.testing.v1 import AppTest

import in_markdown
import year_picture
from localcloud.processes import free_port
from rows import is_cover
from tests.dashboard import test_browser
from tests.dashboard.hostile_warehouse import ADDRESSES, EVIL, IDS, NAMES, hostile_warehouse
from tests.dashboard.page_app import HIDDEN, NOW, PAGES, App, app, text_of
from tests.dashboard.test_browser import ROOT, Visit, chromium

__all__ = ["app", "chromium"]


def markdown_of(drawn: AppTest) -> list[str]:
    """What Streamlit will read as Markdown."""
    kinds = ("title", "header", "markdown", "caption", "info", "warning", "error", "badge")
    return [str(element.value) for kind in kinds for element in drawn.get(kind) if hasattr(element, "value")]


@pytest.mark.parametrize("page", [*PAGES, *HIDDEN])
def test_no_page_takes_a_text_of_others_for_its_own(app: App, page: str) -> None:
    drawn = app.over(hostile_warehouse(NOW)).open(page, period="All time", q="<b>![x](http://evil.invalid)", id=IDS[0])

    assert not drawn.exception
    for said in markdown_of(drawn):
        assert f"](https://{EVIL}" not in said
        assert "<script" not in said.replace("\\<script", "")
    said = text_of(drawn)
    assert "onerror=" not in said.replace("onerror\\=", "").replace("onerror=&quot;window.pwned", "")


@pytest.mark.parametrize(
    "query",
    [
        {"listener": "../../x", "period": "'; DROP TABLE plays; --", "by": "<script>", "zone": "../etc/passwd"},
        {"listener": NAMES[0], "dates": ["2026-13-99", "x"], "period": "Custom"},
        {"zone": "x" * 10_000, "dates": ["2026-01-01"] * 500},
        {"zone": "Europe/Berlin\0", "listener": "\u202e", "period": ""},
        {"hours": "<script>", "kind": "'", "feature": "\x00", "until": "yesterday", "q": "\\", "year": "9" * 400},
    ],
)
@pytest.mark.parametrize("page", ["overview", "history", "track"])
def test_a_parameter_that_nobody_offered_is_as_good_as_none(
    app: App, page: str, query: dict[str, str | list[str]]
) -> None:
    usual, drawn = app.open(page), app.open(page, **query)

    assert not drawn.exception
    assert [title.value for title in drawn.title] == [title.value for title in usual.title]
    # Whose plays are shown is decided by who looks, not by what the address says.
    assert {parameter for parameter in app.warehouse.asked if "DROP" in parameter or "<" in parameter} == set()


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_picture_comes_from_elsewhere(address: str) -> None:
    assert not is_cover(address)


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_of_a_year_is_well_formed_and_only_text(name: str) -> None:
    picture = year_picture.Picture(name, name, [(name, name)] * 4, [(name, [name] * 5)] * 3, [1.0], [name])

    root = ElementTree.parse(io.BytesIO(year_picture.svg(picture))).getroot()

    assert {element.tag.partition("}")[2] for element in root.iter()} == {"svg", "rect", "text", "g", "path"}
    assert not [key for element in root.iter() for key in element.attrib if key.startswith("on") or "href" in key]


@pytest.fixture(scope="module")
def hostile_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, state = str(free_port()), tmp_path_factory.mktemp("hostile") / "state"
    state.write_text("hostile")
    command = [sys.executable, "-m", "tests.dashboard.serve_invented", port, str(state)]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ})
    try:
        yield test_browser._healthy(f"http://127.0.0.1:{port}", server)
    finally:
        server.terminate()
        server.wait(timeout=20)


def _known_id(path: str) -> str:
    """What listener-one heard last, so that its page has a title."""
    plays = hostile_warehouse(NOW).tables["plays"]
    mine = plays[plays["listener_id"] == "listener-one"]
    return str(mine[f"{path if path in test_browser.ITEMS else 'track'}_id"].iloc[-9])


@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.skipif(not test_browser.CHROMIUM, reason="no chromium is installed")
@pytest.mark.parametrize("path", [*test_browser.PAGES[:-1], "track", "artist"])
def test_a_browser_runs_nothing_asks_nobody_and_links_nowhere(chromium, hostile_address: str, path: str) -> None:
    with Visit(chromium, hostile_address) as visit:
        visit.open(f"{path}?{urlencode({'period': 'All time', 'q': 'evil', 'id': _known_id(path)})}")

        assert visit.page.locator("[data-testid=stException]").count() == 0
        assert visit.page.evaluate("window.pwned") is None
        assert visit.strangers() == set()
        links = "[...document.links].map(link => link.hostname)"
        assert [host for host in visit.page.evaluate(links) if host.endswith(EVIL)] == []
        assert visit.page.evaluate("[...document.images].filter(picture => picture.src.includes('evil')).length") == 0
        assert visit.overhang() <= 0
        visit.picture(f"hostile-{path or 'overview'}")


def test_what_is_written_into_markdown_reads_as_it_was() -> None:
    assert [in_markdown.plain(in_markdown.literal(name)) for name in NAMES[:2]] == list(NAMES[:2])
