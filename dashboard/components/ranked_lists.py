"""Draws frames of tops and plays as lists with covers, ranks and thin bars."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.grid_container import GridContainer

import humanize
from analysis.tops import NOUNS
from components.markup import Row, ranked, unranked
from components.page_frame import Listening


def grid(most: int) -> GridContainer:
    """So many columns or fewer: a list in each has room for names beside its numbers."""
    return st.grid(most, min_column_width=300, gap=("small", "large"))


def draw_top(
    page: Listening,
    top: pd.DataFrame,
    kind: str,
    label: str,
    *,
    moves: bool = True,
    by: str | None = None,
    current: str | None = None,
) -> None:
    """The frame of `tops.top`, as an ordered list. It has moves only where there is a period to compare with.

    `by` says what decided the order, if not the filter bar; `current` is the key of the row the page is about.
    """
    measure = (by or page.by).lower()
    most = float(top[measure].max()) if len(top) else 0.0
    has_moves = moves and page.previous is not None
    items = [
        replace(_top_row(page, row, kind, has_moves, measure, most), is_current=row["key"] == current)
        for row in top.to_dict("records")
    ]
    st.html(ranked(items, page.colours, label))
    beyond = top.attrs.get("tied_beyond", 0)
    if beyond:
        st.caption(f"and {beyond:,} more tied at {top['rank'].iloc[-1]}")


def draw_played(page: Listening, played: pd.DataFrame, label: str) -> None:
    """The frame of `tops.last_played`: what, by whom, when."""
    items = [
        item_row(page, row, "Tracks", main="", small=_when(row["wall"], page)) for row in played.to_dict("records")
    ]
    st.html(unranked(items, page.colours, label))


def text(value: Any) -> str:
    """What is not known is an empty text, never `nan`."""
    return "" if value is None or pd.isna(value) else str(value)


def item_row(page: Listening, row: Mapping[Any, Any], kind: str, **shown: Any) -> Row:
    """Name, cover and links of a track, artist or album; `shown` is the rest of the Row."""
    second = "" if kind == "Artists" else text(row["artist_name"])
    about = {
        "title": humanize.named(row["name"], NOUNS[kind]),
        "second": second,
        "image_url": text(row["image_url"]) or None,
        "spotify_url": text(row["spotify_url"]) or None,
        "title_href": page.href(NOUNS[kind], row["key"]),
        "second_href": page.href("artist", row["artist_key"]) if second else None,
        "monogram": second or text(row["name"]),
    }
    return Row(**{**about, **shown})


def _top_row(page: Listening, row: Mapping[Any, Any], kind: str, moves: bool, measure: str, most: float) -> Row:
    numbers = (humanize.known_minutes(row["minutes"]), humanize.plays(int(row["plays"])))
    main, small = numbers if measure == "minutes" else numbers[::-1]
    return item_row(
        page,
        row,
        kind,
        main=main,
        small=small,
        share=row[measure] / most if most else None,
        rank=int(row["rank"]),
        is_tied=bool(row["is_tied"]),
        move="" if not moves else "new" if pd.isna(row["move"]) else f"{int(row['move']):+d}",
    )


def _when(wall: Any, page: Listening) -> str:
    """The weekday within the last week, else the date; a play of a clock that was ahead has one as well."""
    age = (page.today - wall.date()).days
    if age == 0:
        return f"{wall:%H:%M}"
    return f"{wall:%a %H:%M}" if 0 < age < 7 else f"{humanize.day_near(wall, page.today)} {wall:%H:%M}"
