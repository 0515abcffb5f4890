"""Ways to choose, each in the URL under its key: a row of pills, a list, a search."""

from collections.abc import Sequence
from typing import Any

import streamlit as st


def one_of(label: str, options: Sequence[str], key: str, default: str | None = None) -> str:
    """The chosen option; without a default, the first one is it. The label is for screen readers."""
    usual = default or options[0]
    _forget_other(key, options, usual)
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
    _forget_other(key, options, options[index])
    chosen = st.selectbox(
        label, options, index=index, key=key, bind="query-params", label_visibility="collapsed", **looks
    )
    return str(chosen)


def _forget_other(key: str, options: Sequence[str], usual: str) -> None:
    """Streamlit itself falls back to the usual option but leaves the chosen one, which is gone, in the URL.

    Where it is taken out, Back needs two clicks: Streamlit makes whatever the server changes in the URL a step of the
    browser's history, and has no way to change it without one.
    """
    if st.session_state.get(key, usual) not in options:
        st.session_state[key] = usual


def search(key: str, **looks: Any) -> str:
    """What was typed, without blanks around it; empty at first."""
    typed = st.text_input("Search", key=key, bind="query-params", type="search", max_chars=200, **looks)
    return str(typed or "").strip()
