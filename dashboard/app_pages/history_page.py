"""Page History: every play, the newest first, to search and to download."""

from datetime import date
from zlib import crc32

import pandas as pd
import streamlit as st

import humanize
from analysis import play_list
from analysis.play_list import Cursor, HistoryPage, to_cursor
from components import choice, downloads, filters, markup, page_frame
from components.markdown import literal
from components.page_frame import Listening

IN_URL = "before"


def place(mark: str) -> Cursor | None:
    """The place in the URL: it survives a reconnect, and can be kept or shared.

    It is `PLACE~MARK`, and the mark stands for the listener, the search and the last day. With another mark the page
    starts at the newest play, and the place stays in the URL: were it taken out, Back would lead to it with the new
    listener.
    """
    text, _, found = st.query_params.get(IN_URL, "").rpartition("~")
    return to_cursor(text) if found == mark else None


def go_to(cursor: Cursor | None, mark: str) -> None:
    if cursor is None:
        st.query_params.pop(IN_URL, None)
    else:
        st.query_params[IN_URL] = f"{cursor}~{mark}"


def table(plays: pd.DataFrame) -> None:
    is_known = plays["heard_ms"] > 0
    shown = pd.DataFrame(
        {
            "Played": plays["wall"],
            "Cover": plays["image_url"].where(plays["image_url"].map(markup.is_cover)),
            "Track": plays["name"],
            "Artist": plays["artist_name"],
            "Album": plays["album_name"],
            "Minutes": plays["heard_ms"].where(is_known) / 60_000,
            "Minutes are": plays["measured"].map({True: "measured", False: "estimated"}).where(is_known),
            "From": plays["source"].astype(str).map({"api": "Spotify's API", "export": "export"}),
            "Spotify": plays["spotify_url"],
        }
    )
    st.dataframe(
        shown if shown["Cover"].notna().any() else shown.drop(columns="Cover"),
        hide_index=True,
        height="auto" if len(shown) <= 10 else 560,
        placeholder="",
        alt="Plays, the newest first",
        column_config={
            "Played": st.column_config.DatetimeColumn("Played", format="ddd D MMM YYYY, HH:mm"),
            "Cover": st.column_config.ImageColumn("Cover", width="small"),
            "Minutes": st.column_config.NumberColumn("Minutes", format="%.1f"),
            "Spotify": st.column_config.LinkColumn("Spotify", display_text="Open"),
        },
    )


def turn(shown: HistoryPage, mark: str) -> None:
    """Newer and older; a page begins behind a play, so plays that arrive meanwhile move nothing."""
    with st.container(horizontal=True):
        st.button(
            "Newer",
            on_click=go_to,
            args=(shown.newer, mark),
            disabled=shown.is_first,
            icon=":material/arrow_back:",
            key="newer",
        )
        st.button(
            "Older",
            on_click=go_to,
            args=(shown.older, mark),
            disabled=shown.older is None,
            icon=":material/arrow_forward:",
            key="older",
        )
        if not shown.is_first:
            st.button("Newest", on_click=go_to, args=(None, mark), icon=":material/first_page:", key="newest")


def take_away(page: Listening) -> None:
    st.header("Take it all home", anchor=False)
    st.markdown(
        f"Every play of {literal(page.name)}, with every column, read from the warehouse when you click. "
        "Your data, no strings."
    )
    listener, store = page.filters.listener, page.viewer.store
    with st.container(horizontal=True):
        for label, written in (("CSV", play_list.to_csv), ("Parquet", play_list.to_parquet)):
            ending, mime, _ = downloads.FORMATS[label]
            downloads.button(
                f"Everything as {label}",
                lambda written=written: written(store.everything(listener)),
                f"plays-{listener}.{ending}",
                mime=mime,
                icon=":material/download:",
                key=f"everything_{ending}",
            )


def sentence(found: int, plays: pd.DataFrame, search: str, until: date | None) -> str:
    limit = f" up to {humanize.day(until)}" if until else ""
    if not found:
        return f"No play matches “{literal(search)}”{limit}." if search else f"No plays{limit}."
    matching = f" {'matches' if found == 1 else 'match'} “{literal(search)}”" if search else "" if limit else " in all"
    counted = f"**{humanize.plays(found)}**{matching}{limit}"
    if plays.empty:
        return f"{counted}, none of them older than the place in this address."
    ends = dict.fromkeys(humanize.moment_year(plays["wall"].iloc[at]) for at in (-1, 0))
    return f"{counted}. Here: {' to '.join(ends)}."


page = page_frame.listening()
with st.container(horizontal=True, vertical_alignment="bottom"):
    search = choice.search("q", placeholder="Title, artist or album", width=320)
    until = st.date_input(
        "Up to",
        value=None,
        min_value=filters.FIRST_DAY,
        max_value=filters.last_day(page.now),
        key="until",
        bind="query-params",
        format="YYYY-MM-DD",
        width=180,
    )
plays = page.everything
if until is not None:
    plays = plays[plays["day"] <= pd.Timestamp(until)]
mark = f"{crc32(repr((page.filters.listener, search, until)).encode()):08x}"
shown = play_list.history_page(page.history, plays, search, place(mark))
page_frame.lead(sentence(shown.found, shown.plays, search, until))
if len(shown.plays):
    table(shown.plays)
if shown.found:
    turn(shown, mark)
take_away(page)

page_frame.how_counted(f"""
- A row is a play that counts, at the moment it ended, on the clock of **{page.filters.zone}**.
- **Estimated**: Spotify reports that a track was played, not for how long; the track's length counts.
- Plays that an export says were shorter than 30 seconds are stored but do not count. The download has them, with
  `ms_played`.
- Instants in the download are UTC. In the CSV what a spreadsheet would take for a formula has an apostrophe before
  it; Parquet has every text as it is.
""")
