"""Metrics: a number with its change against another stretch of time, or with a note."""

from typing import Any

import streamlit as st
from streamlit.elements.lib.grid_container import GridContainer

from humanize import NO_CHANGE


def grid(most: int) -> GridContainer:
    """So many columns or fewer, each as wide as `48 h 47 min` needs; two on a phone of 360 pixels."""
    return st.grid(most, min_column_width=158, gap=12)


def changed(label: str, value: str, change: str | None, *, against: str = "before", **looks: Any) -> None:
    """Listening more is neither good nor bad, so the arrow has no colour of praise."""
    st.metric(
        label,
        value,
        delta=change,
        delta_color="violet",
        delta_arrow="off" if change == NO_CHANGE else "auto",
        delta_description=f"vs {against}" if change else None,
        border=True,
        **looks,
    )


def noted(label: str, value: str, note: str | None = None) -> None:
    st.metric(label, value, delta=note, delta_color="gray", delta_arrow="off", border=True, height="stretch")
