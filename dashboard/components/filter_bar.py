"""The filter bar of all pages: its values are in the URL, so they survive page changes, reconnects and restarts.

Options are their own labels, because the URL carries the label; what comes from the URL is checked again.
"""

from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from access.viewer import Viewer
from analysis.periods import CUSTOM, DEFAULT_PERIOD, PERIODS, local_day
from components import choice, filters
from components.filters import Filters

HIDDEN = "hr-hidden-filters"
"""Containers with this key are not displayed; the style is in static/lists.css."""
_HOME = "default_zone"
"""Where the session keeps the default zone."""


def filter_bar(viewer: Viewer, now: datetime, *, is_shown: bool, has_period: bool, has_listener: bool) -> Filters:
    """Every filter is drawn on every page, hidden where it has no meaning: what is not drawn leaves the URL."""
    labels = {viewer.label_of(slug): slug for slug in viewer.listeners}
    with st.container(horizontal=True, vertical_alignment="center", key=None if is_shown else HIDDEN):
        with st.container(width="content", key="hr-listener" if has_listener else f"{HIDDEN}-listener"):
            first, *others = labels
            icon = ":material/person:"
            chosen = choice.in_list("Listener", list(labels), "listener", width=180, icon=icon) if others else first
            listener = labels.get(chosen, viewer.listeners[0])
        home = viewer.settings.zones.get(listener)
        # Always in this place: a widget that moves is recreated in the browser and loses its value.
        with st.container(width="content", key="hr-period" if has_period else f"{HIDDEN}-period"):
            period = choice.one_of("Period", PERIODS, "period", DEFAULT_PERIOD)
        default_zone = filters.default_zone(home, st.context.timezone)
        _follow(default_zone)
        # A closed popover's widgets are not in the browser: on a page change it would drop them from the URL and get
        # them back from the server one by one, each as a step of its history, and Back would lose them. So these two
        # are always there, unseen, and the popover shows twins of them.
        with st.container(key=f"{HIDDEN}-options"):
            by, zone = choice.one_of("Count by", filters.COUNT_BY, "by"), _zone(default_zone)
        with st.popover("Options", icon=":material/tune:"):
            _options(by, zone, home)
    dates: list[str] = []
    if period == CUSTOM:
        with st.container(key=None if has_period else f"{HIDDEN}-dates"):
            dates = _dates(zone, now, waits=has_period)
    raw = {"listener": listener, "period": period, "by": by, "zone": zone}
    return filters.checked(raw, dates, viewer.listeners, now, home, st.context.timezone)


def as_query(viewer: Viewer, chosen: Filters) -> dict[str, str | list[str]]:
    """For links: only what is not the default, as Streamlit itself would write it, or Back needs two steps."""
    home = viewer.settings.zones.get(chosen.listener)
    defaults = {
        "listener": viewer.listeners[0],
        "period": DEFAULT_PERIOD,
        "by": filters.COUNT_BY[0],
        "zone": filters.default_zone(home, st.context.timezone),
    }
    query = {name: value for name, value in chosen.as_query().items() if value != defaults.get(name)}
    return query | ({"listener": viewer.label_of(chosen.listener)} if "listener" in query else {})


def _follow(default: str) -> None:
    """A default zone changes with the listener; a chosen one stays."""
    before = st.session_state.get(_HOME, default)
    st.session_state[_HOME] = default
    if before != default and st.session_state.get("zone") == before:
        st.session_state["zone"] = default


def _zone(default: str) -> str:
    """Only the default and the chosen zone: a list of all would cost the first visit 60 KB for a hidden widget."""
    meant = [filters.valid_zone(holder.get("zone")) for holder in (st.session_state, st.query_params)]
    names = list(dict.fromkeys([default, *filter(None, meant)]))
    return choice.one_of("Time zone", names, "zone", default)


def _options(by: str, zone: str, home: str | None) -> None:
    browser = filters.valid_zone(st.context.timezone)
    st.session_state["by_shown"], st.session_state["zone_shown"] = by, zone
    st.segmented_control(
        "Count by", filters.COUNT_BY, required=True, key="by_shown", on_change=_take_over, args=("by",)
    )
    st.selectbox(
        "Time zone", filters.zone_choices(home, browser, zone), key="zone_shown", on_change=_take_over, args=("zone",)
    )
    known = [f"The listener's home: {home}." if home else "", f"Your browser: {browser}." if browser else ""]
    st.caption(" ".join(filter(None, known)) or "No home time zone is set for this listener.")


def _take_over(key: str) -> None:
    st.session_state[key] = st.session_state[f"{key}_shown"]


def _dates(zone: str, now: datetime, *, waits: bool) -> list[str]:
    """Two days. One alone is both: Streamlit drops the second from the URL where it equals the first."""
    today = local_day(now, filters.valid_zone(zone) or "UTC")
    chosen: Any = st.date_input(
        "From and to",
        value=(today - timedelta(days=27), today),
        max_value=filters.last_day(now),
        min_value=filters.FIRST_DAY,
        key="dates",
        bind="query-params",
        format="YYYY-MM-DD",
        width=300,
    )
    if not chosen and waits:
        st.caption("Choose the first and the last day.")
        st.stop()
    return [day.isoformat() for day in (*chosen[:1], *chosen[-1:])]
