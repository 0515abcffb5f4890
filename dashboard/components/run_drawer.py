"""The drawer of one step of a run: state, reason, next step, attempts, each listener's part, link to the log."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

import humanize
from components import markup, ranked_lists
from components.markdown import literal
from components.page_frame import Listening
from components.run_grid import to_cell_key
from pipeline import health, run_hours
from pipeline.remedies import MISSING, logs_url, next_step
from pipeline.run_hours import STEP_NAMES

IN_URL = "cell"


def draw_if_open(page: Listening, runs: pd.DataFrame, cells: pd.DataFrame) -> None:
    key = to_cell_key(st.query_params.get(IN_URL))
    hour = cells[cells["slot"].dt.floor("h") == key.slot] if key else cells.head(0)
    if key is None or hour.empty:
        return
    cell = hour[hour["step"] == key.step].iloc[0].to_dict()
    step = STEP_NAMES[key.step]
    title = f"{step[0].upper()}{step[1:]}, {humanize.moment(cell['slot'].tz_convert(page.filters.zone))}"
    drawer = st.dialog(title, position="right", width="medium", on_dismiss=_closed)
    attempts = run_hours.attempts(runs, cell["slot"], cell["step"], page.viewer.settings.schedule)
    drawer(_draw)(page, cell, attempts, _next_step(page, cell, attempts, hour))


def _closed() -> None:
    st.query_params.pop(IN_URL, None)


def _draw(page: Listening, cell: Mapping[Any, Any], attempts: pd.DataFrame, following: str) -> None:
    state, colours = cell["state"], page.colours
    st.html(markup.legend([(state, colours.states[state], cell["glyph"], colours.on_state[state])]))
    st.markdown(_reason(page, cell) or "No reason was recorded.")
    if following:
        st.markdown(f"**Next:** {following}")
    _attempts(page, attempts)
    if len(attempts):
        _listeners(page, attempts.iloc[-1]["details"])
    if page.viewer.settings.is_in_cloud:
        url = logs_url(
            page.viewer.settings.project, cell["step"], cell["slot"], ranked_lists.text(cell["run_id"]) or None
        )
        st.link_button("Open the log in Cloud Logging", url, icon=":material/open_in_new:")


def _reason(page: Listening, row: Mapping[Any, Any]) -> str:
    """The ledger's sentence, escaped: it quotes other systems, so none of it is Markdown."""
    return literal(page.viewer.reason(ranked_lists.text(row["reason"])))


def _attempts(page: Listening, attempts: pd.DataFrame) -> None:
    st.header("Attempts", anchor=False)
    if attempts.empty:
        st.caption("The ledger has no row of it.")
        return
    lines = [_attempt(page, row) for row in attempts.to_dict("records")]
    st.html(markup.table(("Began", "Took", "State", "In", "New", "Run"), lines, "Attempts, the first one first"))
    for row in attempts.iloc[:-1].to_dict("records"):
        st.caption(f"{row['state'].capitalize()} before: {_reason(page, row)}")


def _attempt(page: Listening, row: Mapping[Any, Any]) -> tuple[str, ...]:
    began, ended = row["started_at"], row["finished_at"]
    return (
        f"{began.tz_convert(page.filters.zone):%H:%M:%S}",
        humanize.duration(ended - began) if ended - began >= timedelta(seconds=1) else "< 1 s",
        row["state"],
        _count(row["rows_in"]),
        _count(row["rows_new"]),
        ranked_lists.text(row["run_id"]),
    )


def _count(value: Any) -> str:
    return "–" if pd.isna(value) else f"{int(value):,}"


def _next_step(page: Listening, cell: Mapping[Any, Any], attempts: pd.DataFrame, hour: pd.DataFrame) -> str:
    """Empty where nothing went wrong, or where the reason names it."""
    if cell["state"] == "missing":
        first = hour.loc[hour["state"] == "missing", "step"].iloc[0]
        return next_step(MISSING, first, is_laptop=not page.viewer.settings.is_in_cloud)
    newest = attempts.tail(1)
    if not health.is_trouble(newest).any():
        return ""
    return next_step(ranked_lists.text(newest["error_class"].iloc[0]), cell["step"])


def _listeners(page: Listening, details: Any) -> None:
    """Only those this viewer may see."""
    listeners = (details or {}).get("listeners") or {}
    mine = {slug: about for slug, about in listeners.items() if slug in page.viewer.listeners}
    if not mine:
        return
    st.header("Listeners", anchor=False)
    lines = [
        (
            page.viewer.label_of(slug),
            ranked_lists.text(about.get("state")).replace("_", " "),
            _count(about.get("fetched")),
            _count(about.get("new")),
            page.viewer.reason(ranked_lists.text(about.get("reason"))),
        )
        for slug, about in mine.items()
    ]
    st.html(markup.table(("Listener", "State", "On the page", "New", "Why"), lines, "Each listener's part"))
