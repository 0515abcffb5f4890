"""Ways to choose, each in the URL under its key: a row of pills, a list, a search."""

from collections.abc import Sequence
from typing import Any

import streamlit as st


def one_of(label: str, options: Sequence[str], key: str, default: str | None = None) -> str:
    """The chosen option; without a default, the first one is it. The label is for screen readers."""
    usual = default or options[0]
    chosen = st.segmented_control(
        label,
        options,
        default=usual,
        required=True,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    return chosen or usual  # None for a link with ?key= and nothing behind it


def in_list(label: str, options: Sequence[str], key: str, index: int = 0, **looks: Any) -> str:
    """As `one_of`, for more options than a row has room for."""
    chosen = st.selectbox(
        label, options, index=index, key=key, bind="query-params", label_visibility="collapsed", **looks
    )
    return str(chosen)


def search(key: str, **looks: Any) -> str:
    """What was typed, empty at first."""
    return str(st.text_input("Search", key=key, bind="query-params", type="search", max_chars=200, **looks) or "")
