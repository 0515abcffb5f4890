"""Every page over names, addresses, ids, reasons and parameters made to do harm: they show, and do nothing."""

import io
from collections.abc import Callable, Sequence
from datetime import timedelta
from xml.etree import ElementTree

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from charts import year_picture
from components.markdown import literal
from tests.dashboard.invented.hostile import EVIL, IDS, NAMES, hostile_warehouse
from tests.dashboard.invented.warehouse import InventedWarehouse
from tests.dashboard.page_names import HIDDEN, PAGES
from tests.dashboard.pages.app import NOW, App, text_of


def markdown_of(drawn: AppTest) -> list[str]:
    """What Streamlit will read as Markdown."""
    kinds = ("title", "header", "markdown", "caption", "info", "warning", "error", "badge")
    return [str(element.value) for kind in kinds for element in drawn.get(kind) if hasattr(element, "value")]


@pytest.mark.parametrize("page", [*PAGES, *HIDDEN])
def test_no_page_takes_a_text_of_others_for_its_own(app: App, page: str) -> None:
    drawn = app.over(hostile_warehouse(NOW)).open(page, period="All time", q="<b>![x](http://evil.invalid)", id=IDS[0])

    for text in markdown_of(drawn):
        assert f"](https://{EVIL}" not in text
        assert "<script" not in text.replace("\\<script", "")
    text = text_of(drawn)
    assert "onerror=" not in text.replace("onerror\\=", "").replace("onerror=&quot;window.pwned", "")


@pytest.mark.parametrize("name", [NAMES[0], " ".join(NAMES)], ids=["one", "all"])
def test_a_hostile_reason_is_only_text_in_the_drawer_of_a_run_and_above_every_page(app: App, name: str) -> None:
    app.over(failing_with(app, f"{name} run `x`"))
    drawn = app.open("pipeline", cell=f"{NOW - timedelta(hours=1):%Y-%m-%dT%H}.load")
    overview = app.open()

    shown = literal(f"{name} run x".replace("`", ""))
    assert f"Failed before: {shown}" in markdown_of(drawn)
    assert shown in markdown_of(drawn)
    (warning,) = [one.value for one in overview.warning]
    assert warning.startswith(f"The last run could not read Ania's plays: {shown}")


def failing_with(app: App, reason: str) -> InventedWarehouse:
    """An hour ago, in the newest run, Ania could not be read; load failed twice, then worked. No batch ever failed."""
    runs = app.warehouse.tables["runs"]
    runs = runs.assign(state=runs["state"].mask(runs["step"] == "top_tracks", "succeeded"))
    hour_ago = runs["slot"] == NOW - timedelta(hours=1)
    whole = runs[~hour_ago & (runs["slot"] < NOW)]
    (row,) = runs[hour_ago & (runs["step"] == "ingest")].to_dict("records")
    refused = {"state": "failed", "error_class": "NeedsConsent", "reason": reason}
    parts = row["details"]["listeners"]
    ingest = row | {
        "state": "skipped",
        "details": {"listeners": parts | {"listener-one": parts["listener-one"] | refused}},
    }
    load = row | {"step": "load", "details": None, "reason": reason, "rows_new": 0}
    first, second, third = (
        load | {"state": state, "finished_at": row["finished_at"] + timedelta(minutes=minutes)}
        for state, minutes in (("failed", 1), ("failed", 2), ("succeeded", 3))
    )
    return app.warehouse.with_table("runs", pd.concat([whole, pd.DataFrame([ingest, first, second, third])]))


@pytest.mark.parametrize(
    "query",
    [
        {"listener": "../../x", "period": "'; DROP TABLE plays; --", "by": "<script>", "zone": "../etc/passwd"},
        {"listener": NAMES[0], "dates": ["2026-13-99", "x"], "period": "Custom"},
        {
            "zone": "x" * 10_000,
            "dates": ["2026-01-01"] * 500,
            "period": ["7 days", "90 days"],
            "by": "'; DROP TABLE plays",
        },
        {"zone": "Europe/Berlin\0", "listener": "\u202e", "period": ""},
        {"hours": "<script>", "kind": "'", "feature": "\x00", "until": "yesterday", "q": "\\", "year": "9" * 400},
    ],
)
@pytest.mark.parametrize("page", ["overview", "history", "track"])
def test_a_parameter_that_was_not_offered_is_as_good_as_none(
    app: App, full: Callable[[str], AppTest], page: str, query: dict[str, str | list[str]]
) -> None:
    usual, drawn = full(page), app.open(page, **query)

    assert [title.value for title in drawn.title] == [title.value for title in usual.title]
    # Whose plays are shown is decided by who looks, not by what the address says.
    assert {parameter for parameter in app.warehouse.queried if "DROP" in parameter or "<" in parameter} == set()


@pytest.mark.parametrize(
    ("page", "keys"),
    [
        ("top", ("kind", "period", "by", "zone", "listener")),
        ("year", ("year", "month")),
        ("when", ("calendar_year",)),
        ("pipeline", ("hours",)),
        ("history", ("before",)),
    ],
)
def test_choices_that_a_link_leaves_empty_are_the_usual_ones(
    app: App, full: Callable[[str], AppTest], page: str, keys: Sequence[str]
) -> None:
    drawn = app.open(page, **dict.fromkeys(keys, ""))

    assert not drawn.exception
    assert text_of(drawn) == text_of(full(page))


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_of_a_year_is_well_formed_and_only_text(name: str) -> None:
    picture = year_picture.svg(name, name, [(name, name)] * 4, [(name, [name] * 5)] * 3, [1.0], [name])

    root = ElementTree.parse(io.BytesIO(picture)).getroot()

    assert {element.tag.partition("}")[2] for element in root.iter()} == {"svg", "rect", "text", "g", "path"}
    assert not [key for element in root.iter() for key in element.attrib if key.startswith("on") or "href" in key]
