"""The page of one track, artist or album, as the three hidden pages draw it."""

from functools import partial

import pandas as pd
import streamlit as st

import humanize
from analysis import items
from analysis.endings import Endings
from analysis.items import Item
from analysis.tops import NOUNS
from charts import bars
from components import markup, messages, metrics, page_frame, ranked_lists
from components.markdown import literal
from components.page_frame import Listening

SHOWN = 10
ENDINGS = """**To the end** and **skipped**: why a play ended, as an export by Spotify has it. Its end was reached; or
  the listener went to the next, the previous or another track or stopped, or Spotify calls it skipped. What ended
  otherwise, as when the app was closed, is neither. Every play of an export is looked at, also those of less than 30
  seconds, which count as plays nowhere. A longer play counts, whether it was skipped or not."""
CONTEXTS = {"album": "album", "artist": "artist", "playlist": "playlist", "collection": "liked songs", "show": "show"}
"""Spotify's words for where a track was played from, and ours."""


def draw(kind: str) -> None:
    """`kind` as in `tops.KINDS`; which one is in the URL's `id`, which is untrusted: unknown is an empty state."""
    word = NOUNS[kind]
    page = page_frame.listening()
    item_by = partial(items.item, page.history, page.everything, kind, st.query_params.get("id", ""))
    item = item_by(page.by)
    page_frame.tab_title(item.name if item else word.capitalize())
    if item is None:
        messages.unknown_item(word)
        return
    page = page_frame.counted(page, item.played)
    item = item_by(page.by) or item
    page_frame.is_about(page, item.played)
    _head(page, item)
    _figures(page, item)
    _endings(page, item, word)
    _courses(page, item)
    _lists(page, item, word)
    page_frame.how_counted(f"""
- All time, by {page.by.lower()}, on the clock of **{page.filters.zone}**. Ranks are among all
  {kind.lower()} of {literal(page.name)}.
- Recordings that Spotify keeps under several ids (same ISRC) count as one.
- Minutes are the length of the track where no export has the time it was played.
- {ENDINGS}
""")


def _head(page: Listening, item: Item) -> None:
    page.heading.title(literal(item.name), anchor=False)
    picture = markup.cover(item.name, item.artist_name or item.name, item.image_url, item.spotify_url, large=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<div style="{markup.variables(page.colours)}">{picture}</div>', width="content")
        with st.container(width="stretch"):
            st.html(_links(page, item))
            page_frame.lead(sentence(page, item))
            if item.spotify_url:
                st.link_button("Open in Spotify", item.spotify_url, icon=":material/open_in_new:")


def sentence(page: Listening, item: Item) -> str:
    """Where it stands and since when."""
    shared = " (shared)" if item.is_tied else ""
    first = humanize.day(pd.Timestamp(item.first_played_at).tz_convert(page.filters.zone))
    last = humanize.day(pd.Timestamp(item.last_played_at).tz_convert(page.filters.zone))
    span = f"on {first}" if first == last else f"first on {first}, last on {last}"
    return (
        f"Number **{item.rank:,}**{shared} of {item.of:,} by {page.by.lower()}: {humanize.plays(item.plays)}, {span}."
    )


def _links(page: Listening, item: Item) -> str:
    links = [
        (item.artist_name, page.href("artist", item.artist_key)) if item.kind != "Artists" else (None, None),
        (item.album_name, page.href("album", item.album_key)),
    ]
    what = f"{item.kind[:-1]} · " if any(text for text, _ in links) else item.kind[:-1]
    return f'<p class="hr-rows">{what}{" · ".join(markup.link(text, href) for text, href in links if text)}</p>'


def _figures(page: Listening, item: Item) -> None:
    with metrics.grid(4):
        metrics.noted("Plays", f"{item.plays:,}")
        metrics.noted("Time", humanize.known_minutes(item.minutes))
        for label, month in zip(("Best month", "Second best"), item.best_months.to_dict("records"), strict=False):
            metrics.noted(label, f"{month['month_on']:%b %Y}", humanize.amount(month["value"], page.by))


def _endings(page: Listening, item: Item, word: str) -> None:
    """Where they are known; an import may also hold no play of this item."""
    found = item.endings
    if not found.known:
        messages.no_endings(f"plays of this {word}", page.viewer.settings)
        return
    with metrics.grid(2):
        for label, count in (("Played to the end", found.to_end), ("Skipped", found.skipped)):
            metrics.noted(label, humanize.percent(count / found.known), f"{count:,} of {humanize.plays(found.known)}")
    st.caption(known_endings(page, found))


def known_endings(page: Listening, found: Endings) -> str:
    """Of which plays it is known how they ended."""
    newest = pd.Timestamp(found.newest_at).tz_convert(page.filters.zone)
    return (
        f"How they ended is known of {found.known:,} of {humanize.plays(found.plays)}, the newest of "
        f"{humanize.day(newest)}: only an import says so. Plays of less than 30 seconds are among them."
    )


def _courses(page: Listening, item: Item) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Month by month", anchor=False)
        best = item.best_months.iloc[0]
        fact = f"Most in **{best['month_on']:%B %Y}**: {humanize.amount(best['value'], page.by)}."
        page_frame.answer(fact, bars.months(item.months, page.by, page.colours), f"{literal(item.name)} {fact}")
    with right:
        st.header("At what hour", anchor=False)
        top = item.hours.loc[item.hours["share"].idxmax()]
        fact = f"Most often **{humanize.hour_span(int(top['hour']))}**: {humanize.percent(top['share'])} of it."
        page_frame.answer(fact, bars.shares_by_hour(item.hours, page.colours))


def _lists(page: Listening, item: Item, word: str) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        if item.kind != "Tracks":
            st.header("Tracks", anchor=False)
            ranked_lists.draw_top(
                page, item.tracks.head(SHOWN), "Tracks", f"Most played tracks of this {word}", moves=False
            )
        st.header("Around it", anchor=False)
        ranked_lists.draw_top(page, item.neighbours, item.kind, "Ranks around it", moves=False, current=item.key)
    with right:
        st.header("Latest plays", anchor=False)
        if item.kind == "Tracks":
            # All are of one track, so what differs is when, and what it was played from.
            lines = [
                (humanize.moment_year(row["wall"]), CONTEXTS.get(ranked_lists.text(row["context_type"]), "unknown"))
                for row in item.recent.to_dict("records")
            ]
            st.html(markup.table(("When", "From"), lines, "Latest plays"))
        else:
            ranked_lists.draw_played(page, item.recent, "Latest plays")
