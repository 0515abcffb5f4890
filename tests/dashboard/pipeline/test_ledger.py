"""Rows of the ledger as the types of its table allow them: every page shows what they tell and says what it cannot."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.own_part import own_part
from components import run_grid
from components.run_drawer import IN_URL
from pipeline import health, run_hours
from pipeline.ledger import readable
from tests.dashboard.invented.history import at
from tests.dashboard.invented.ledger import NOW, grid, ledger, polled, run
from tests.dashboard.pages.app import NOW as PAGE_NOW
from tests.dashboard.pages.app import App, text_of
from theme import colours_of

FLAWS = "The ledger's record cannot be read in full: "


def as_queried(*rows: dict[str, Any]) -> pd.DataFrame:
    """As queries/runs.sql answers: details are JSON in a text."""
    runs = ledger(*rows)
    return runs.assign(details=[None if value is None else json.dumps(value) for value in runs["details"]])


def read(**values: Any) -> dict[str, Any]:
    (row,) = readable(as_queried(run(10, "ingest", **values))).to_dict("records")
    return {str(name): None if not isinstance(value, dict) and pd.isna(value) else value for name, value in row.items()}


def test_rows_of_the_pipelines_own_pass_unchanged() -> None:
    ends_at = "2027-02-26T00:00:00+00:00"
    rows = [
        polled(10, ada={"fetched": 50, "new": 3, "consent_ends_at": ends_at}, ben={"state": "failed", "reason": "why"}),
        run(10, "load", "failed", rows_in=0, rows_new=0, error_class="FileRefused"),
        run(11, "ingest", "skipped", blocked_until=at("2026-11-24 10:00"), details={"listeners": {}}),
    ]
    expected = ledger(*rows)
    found = readable(as_queried(*rows))
    assert found["details"].tolist() == expected["details"].tolist()
    same = ["run_id", "slot", "step", "state", "started_at", "finished_at", "reason", "error_class", "blocked_until"]
    pd.testing.assert_frame_equal(found[same], expected[same])
    assert found["rows_new"].dropna().tolist() == [0]


@pytest.mark.parametrize(
    ("values", "unread"),
    [
        ({"details": "text"}, "details"),
        ({"details": 7}, "details"),
        ({"details": []}, "details"),
        ({"details": {"listeners": None}}, "details"),
        ({"details": {"listeners": ["ada"]}}, "details"),
        ({"state": "postponed"}, "state postponed"),
        ({"rows_in": -5, "rows_new": 2**63 - 1}, "rows_in, rows_new"),
        ({"listeners": -1, "state": "", "details": True}, "listeners, state , details"),
        ({"blocked_until": datetime(9999, 12, 31, 23, tzinfo=UTC)}, "blocked_until"),
    ],
)
def test_what_cannot_be_read_of_a_row_is_said_beside_what_can(values: dict[str, Any], unread: str) -> None:
    row = read(**values)
    assert row["reason"] == f"ingest {values.get('state', 'succeeded')}. {FLAWS}{unread}."
    assert row["state"] == ("unreadable" if "state" in values else "succeeded")
    assert [row[name] for name in values if name != "state"] == [None] * len(values.keys() - {"state"})


@pytest.mark.parametrize("values", [{"details": None}, {"details": {}}, {"details": {"generations": {"1": {}}}}])
def test_details_without_listeners_are_readable(values: dict[str, Any]) -> None:
    assert (read(**values)["details"], read(**values)["reason"]) == (values["details"], "ingest succeeded.")


@pytest.mark.parametrize(
    ("part", "readable_part"),
    [
        (None, {"state": "unreadable"}),
        ("collected", {"state": "unreadable"}),
        ({}, {"state": "unreadable"}),
        ({"state": 1, "new": "3", "fetched": 1e300}, {"state": "unreadable", "new": None, "fetched": None}),
        (
            {"state": "ok", "consent_ends_at": "2027-01-01"},
            {"state": "ok", "consent_ends_at": "2027-01-01T00:00:00+00:00"},
        ),
        ({"state": "ok", "consent_ends_at": "9999-12-31T23:00:00Z"}, {"state": "ok", "consent_ends_at": None}),
        ({"state": "ok", "consent_ends_at": ["soon"]}, {"state": "ok", "consent_ends_at": None}),
        (
            {"state": "failed", "error_class": ["X"], "reason": {}},
            {"state": "failed", "error_class": None, "reason": None},
        ),
    ],
)
def test_a_listeners_part_keeps_what_is_of_its_type(part: Any, readable_part: dict[str, Any]) -> None:
    assert read(details={"listeners": {"ada": part, " ": part}})["details"] == {"listeners": {"ada": readable_part}}


def test_a_row_of_no_instant_that_a_clock_can_show_belongs_to_no_hour() -> None:
    impossible = [run(10, "load", slot=datetime(year, 12, 31, 23, tzinfo=UTC)) for year in (1, 9999)]
    late = run(10, "load", finished_at=datetime(9999, 12, 31, tzinfo=UTC))
    assert readable(as_queried(*impossible, late, run(10, "ingest")))["step"].tolist() == ["ingest"]


def test_an_unknown_state_is_neither_good_nor_bad_and_implies_nothing_for_the_steps_after_it() -> None:
    runs = readable(as_queried(run(10, "ingest", "failed"), run(11, "ingest", "postponed"), run(12, "ingest")))
    cells = grid(runs, NOW, 3)
    assert cells.groupby("slot")["state"].agg(list).tolist() == [
        ["failed", "not run", "not run", "not run"],
        ["unreadable"] * 4,
        ["succeeded", "not run", "not run", "not run"],
    ]
    assert health.success_rate(runs, NOW) == (1, 2)
    unclear = readable(as_queried(run(11, "load", "failed"), run(12, "load", "postponed")))
    problems = health.problems(unclear, NOW)
    assert problems.loc[problems["state"] == "failed", "recovered"].tolist() == [False]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["listeners", "ada", "state", "new", "fetched", "reason", "error_class", "consent_ends_at"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
PARTS = st.dictionaries(st.sampled_from(["ada", "ben"]), ANY_JSON)
DETAILS = ANY_JSON | PARTS.map(lambda parts: {"listeners": parts})
INT64 = st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.datetimes(timezones=st.just(UTC)) | st.just(at("2026-11-22 11:00")) | st.just(at("2026-11-22 12:00"))
STATES = st.sampled_from(["succeeded", "skipped", "failed", "postponed", ""])
STEPS = st.sampled_from([*run_hours.STEPS, "import", "dreamt"])
ROWS = st.builds(
    dict,
    run_id=st.text(),
    slot=INSTANTS,
    step=STEPS,
    state=STATES,
    started_at=INSTANTS,
    finished_at=INSTANTS,
    listeners=st.none() | INT64,
    rows_in=st.none() | INT64,
    rows_new=st.none() | INT64,
    reason=st.none() | st.text(),
    error_class=st.none() | st.text(),
    blocked_until=st.none() | INSTANTS,
    details=DETAILS,
)


@settings(max_examples=12)
@given(st.lists(ROWS, min_size=1, max_size=5))
def test_any_rows_of_the_tables_types_can_be_judged(rows: list[dict[str, Any]]) -> None:
    runs = readable(as_queried(*rows))
    assert grid(own_part(runs, ["ada"]), NOW, 24).shape[0] == 24 * 4
    cells = grid(runs, NOW, 24)
    assert len(cells) == 24 * 4
    assert "<button" in run_grid.grid_html(cells, "Pacific/Kiritimati", colours_of("dark"), "sentence")
    assert health.status(runs, NOW).words
    health.problems(runs, NOW)
    health.plays_per_run(runs)
    health.durations(runs)
    health.blocked_until(runs, NOW)
    for slug in health.listeners(runs, NOW)["listener_id"]:
        health.not_collected_since(runs, slug, None, NOW)


ODD = [
    {"details": "text"},
    {"details": {"listeners": None}},
    {"details": {"listeners": {"listener-one": None}}},
    {"details": {"listeners": {"listener-one": {"state": "ok", "consent_ends_at": "2027-01-01"}}}},
    {"state": "postponed"},
    {"rows_in": -5, "rows_new": 2**63 - 1},
    {"step": "dreamt", "state": "failed"},
]


@pytest.mark.parametrize("page", ["overview", "pipeline", "history"])
def test_a_page_over_odd_rows_of_the_ledger_shows_and_says_what_cannot_be_read(app: App, page: str) -> None:
    runs = app.warehouse.tables["runs"]
    ingest = runs[runs["step"] == "ingest"].iloc[-1].to_dict()
    odd = []
    for hours, values in enumerate(ODD, start=1):
        slot = (PAGE_NOW - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
        instants = {name: slot + timedelta(seconds=n) for n, name in enumerate(("slot", "started_at", "finished_at"))}
        odd.append(ingest | instants | {"run_id": f"{slot:%Y%m%dT%H%M%SZ}"} | values)
    app.over(app.warehouse.with_table("runs", pd.DataFrame(odd)))
    postponed = odd[4]["slot"]
    drawn = app.open(page, **({IN_URL: f"{postponed:%Y-%m-%dT%H}.ingest"} if page == "pipeline" else {}))

    assert not drawn.exception
    sentence = text_of(drawn)
    if page == "pipeline":
        assert "state postponed" in sentence
        assert "unreadable" in sentence
