"""The one filter bar: its values live in the URL, so they survive page changes, reconnects and restarts.

Options are their own labels, because the URL carries the label; what comes from the URL is checked again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

import filters
from filters import Filters
from periods import CUSTOM, DEFAULT_PERIOD, PERIODS, local_day
from viewer import Viewer

HIDDEN = "hr-hidden-filters"
"""Containers with this key are not displayed; the style is in rows.py."""


def filter_bar(viewer: Viewer, now: datetime, *, is_shown: bool, has_period: bool) -> Filters:
    """Every filter is drawn on every page, hidden where it has no meaning: what is not drawn leaves the URL."""
    labels = {viewer.label_of(slug): slug for slug in viewer.listeners}
    with st.container(horizontal=True, vertical_alignment="center", key=None if is_shown else HIDDEN):
        listener = labels.get(_listener(list(labels)), viewer.listeners[0])
        home = viewer.settings.zone_of(listener)
        # Always in this place: a widget that moves is made anew in the browser and forgets its value.
        with st.container(width="content", key="hr-period" if has_period else f"{HIDDEN}-period"):
            period = _period()
        _keep_in_url("by", "zone")
        with st.popover("Options", icon=":material/tune:"):
            by, zone = _count_by(), _zone(home)
    raw: dict[str, Sequence[str]] = {"listener": [listener], "period": [period], "by": [by], "zone": [zone]}
    if period == CUSTOM:
        with st.container(key=None if has_period else f"{HIDDEN}-dates"):
            raw["dates"] = _dates(zone, now, must_be_whole=has_period)
    return filters.checked(raw, viewer.listeners, now, home, st.context.timezone)


def as_query(viewer: Viewer, chosen: Filters) -> dict[str, str | list[str]]:
    """For links: only what is not the default, as Streamlit itself would write it, or Back needs two steps."""
    home = viewer.settings.zone_of(chosen.listener)
    defaults = {
        "listener": viewer.listeners[0],
        "period": DEFAULT_PERIOD,
        "by": filters.COUNT_BY[0],
        "zone": filters.default_zone(home, st.context.timezone),
    }
    query = {name: value for name, value in chosen.as_query().items() if value != defaults.get(name)}
    return query | ({"listener": viewer.label_of(chosen.listener)} if "listener" in query else {})


def _keep_in_url(*keys: str) -> None:
    """A closed popover's widgets are not in the browser, so a page change would drop them from the URL."""
    for key in keys:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def choose_period(period: str) -> None:
    """For buttons that widen the period."""
    st.session_state["period"] = period


def _listener(labels: list[str]) -> str:
    if len(labels) == 1:
        return labels[0]
    box: Any = st.selectbox(
        "Listener",
        labels,
        key="listener",
        bind="query-params",
        label_visibility="collapsed",
        width=180,
        icon=":material/person:",
    )
    return str(box)


def _period() -> str:
    chosen = st.segmented_control(
        "Period",
        PERIODS,
        default=DEFAULT_PERIOD,
        required=True,
        key="period",
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    return str(chosen)


def _count_by() -> str:
    chosen = st.segmented_control(
        "Count by", filters.COUNT_BY, default=filters.COUNT_BY[0], required=True, key="by", bind="query-params"
    )
    return str(chosen)


def _zone(home: str | None) -> str:
    browser = filters.valid_zone(st.context.timezone)
    names = [f"{zone}" for zone in filters.zone_choices(home, browser)]
    chosen = str(
        st.selectbox(
            "Time zone",
            names,
            index=names.index(filters.default_zone(home, browser)),
            key="zone",
            bind="query-params",
        )
    )
    told = [f"The listener's home: {home}." if home else "", f"Your browser: {browser}." if browser else ""]
    st.caption(" ".join(filter(None, told)) or "Nobody has said where the listener lives.")
    return chosen


def _dates(zone: str, now: datetime, *, must_be_whole: bool) -> list[str]:
    """Two days; while only the first is chosen the page waits."""
    today = local_day(now, filters.valid_zone(zone) or "UTC")
    chosen: Any = st.date_input(
        "From and to",
        value=(today - timedelta(days=27), today),
        max_value=today,
        min_value=datetime(filters.FIRST_YEAR, 1, 1, tzinfo=UTC).date(),
        key="dates",
        bind="query-params",
        format="YYYY-MM-DD",
        width=300,
    )
    if len(chosen) != 2 and must_be_whole:
        st.caption("Choose the last day as well.")
        st.stop()
    return [day.isoformat() for day in chosen]
