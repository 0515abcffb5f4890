"""A row of pills of which one is chosen, in the URL under its key."""

from collections.abc import Sequence

import streamlit as st


def one_of(label: str, options: Sequence[str], key: str, default: str | None = None) -> str:
    """The chosen option; the first one without a default. The label is for screen readers."""
    chosen = st.segmented_control(
        label,
        options,
        default=default or options[0],
        required=True,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    return str(chosen)
