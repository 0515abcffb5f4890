"""What every page has around it: title, filter bar, freshness, states, footer, and the plays it is about."""

from base64 import b64encode
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import days
import filters as filter_values
import in_markdown
import pipeline_health
import states
import words
from data import Loaded
from filter_bar import as_query, choose_period
from filters import Filters
from history import History
from periods import Period, local_day, within
from theme import Colours, colours
from viewer import Viewer

FEW_PLAYS = 20
SPOTIFY_MARK = Path(__file__).parent / "static" / "spotify-mark.svg"


@dataclass(frozen=True)
class Listening:
    """A listener's plays as the filter bar wants them. `everything` and `shown` are on the clock of the zone."""

    viewer: Viewer
    filters: Filters
    loaded: Loaded[History]
    period: Period
    everything: pd.DataFrame
    shown: pd.DataFrame
    before: pd.DataFrame | None
    gaps: pd.DataFrame
    now: datetime
    colours: Colours
    heading: DeltaGenerator

    @property
    def history(self) -> History:
        return self.loaded.value

    @property
    def by(self) -> str:
        return self.filters.by

    @property
    def name(self) -> str:
        return self.viewer.label_of(self.filters.listener)

    @property
    def today(self) -> date:
        return local_day(self.now, self.filters.zone)

    def href(self, page: str, key: str | None) -> str | None:
        """A link to a page of ours that keeps the filters."""
        if key is None or pd.isna(key):
            return None
        return f"{page}?{urlencode({**as_query(self.viewer, self.filters), 'id': key}, doseq=True)}"


@dataclass(frozen=True)
class Head:
    """What the entry point has drawn and chosen before a page runs."""

    heading: DeltaGenerator
    viewer: Viewer
    filters: Filters
    now: datetime
    has_period: bool


_head: ContextVar[Head] = ContextVar("head")


def begin(head: Head) -> None:
    """Hands over to the page, which runs as a script of its own in the same thread."""
    _head.set(head)


def listening(*, needs_plays: bool = True) -> Listening:
    """Loads what the page is about and says how fresh it is; stops the page where there is nothing to show."""
    head = _head.get()
    viewer, chosen, now = head.viewer, head.filters, head.now
    caption = st.empty()
    loaded = viewer.store.history(chosen.listener)
    history = loaded.value
    _warnings(viewer, loaded, chosen.zone, now)
    if history.is_empty and needs_plays:
        states.no_plays(viewer.label_of(chosen.listener), _run_count(viewer))
        st.stop()
    stretch = filter_values.period_of(chosen, now, history.oldest_at)
    local = history.local(chosen.zone)
    previous = stretch.previous
    page = Listening(
        viewer=viewer,
        filters=chosen,
        loaded=loaded,
        period=stretch,
        everything=local,
        shown=within(local, stretch),
        before=within(local, previous) if previous else None,
        gaps=viewer.store.gaps(chosen.listener).value,
        now=now,
        colours=colours(),
        heading=head.heading,
    )
    caption.caption(_caption(page, head.has_period))
    if head.has_period:
        _stop_when_nothing(page)
    return page


def how_counted(text: str) -> None:
    with st.expander("How is this counted?", icon=":material/help:"):
        st.markdown(text)


def estimated(share_measured: float) -> str:
    """Says in a caption that minutes are not measured, where they are not."""
    return (
        ""
        if share_measured >= 0.9
        else " Minutes are estimated: Spotify tells that a track was played, not for how long."
    )


def gap_notice(page: Listening) -> None:
    within_period = days.gaps_within(page.gaps, page.period)
    if len(within_period):
        marked = days.gap_days(page.gaps, page.filters.zone, page.period.start, page.period.end)
        states.gaps_in_period(len(within_period), sorted(marked))


def footer() -> None:
    """Attribution on every page; the mark in the text's colour, as it may be shown on either theme."""
    ink = colours().text
    drawing = SPOTIFY_MARK.read_text(encoding="utf-8").replace("#000000", ink)
    mark = f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}"
    st.html(
        f'<footer class="hr-footer"><span style="display:flex;gap:.5rem;align-items:center">'
        f'<img src="{mark}" alt="Spotify" width="24" height="24">Data and covers from '
        f'<a href="https://open.spotify.com" target="_blank">Spotify</a></span></footer>'
    )
    st.page_link("app_pages/about_page.py", label="About, privacy and counting")


def alt_text(*sentences: str) -> str:
    """A chart's text alternative: the sentence above it without its marks."""
    return in_markdown.plain(" ".join(sentences))


def _caption(page: Listening, with_period: bool) -> str:
    zone = f"times in {page.filters.zone}" if with_period else f"Times in {page.filters.zone}"
    newest = page.history.newest_at
    added = f"newest play {words.ago(page.now - newest)}" if newest else "no plays yet"
    parts = [words.days(page.period.start, page.period.end)] if with_period else []
    return " · ".join([*parts, zone, added])


def _warnings(viewer: Viewer, loaded: Loaded[History], zone: str, now: datetime) -> None:
    if loaded.error:
        states.stale(loaded.loaded_at.astimezone(ZoneInfo(zone)), loaded.error)
        return
    status = pipeline_health.status(viewer.store.runs().value, now)
    if status.level in ("late", "failing"):
        st.warning(f"{status.words}. The charts show what has arrived.", icon=":material/schedule:")


def _run_count(viewer: Viewer) -> int:
    runs = viewer.store.runs().value
    return int((runs["step"] == "ingest").sum())


def _stop_when_nothing(page: Listening) -> None:
    if len(page.shown):
        return
    at = page.everything["played_at"]
    earlier = page.everything[at < page.period.start_at]
    later = page.everything[at >= page.period.end_at]
    states.nothing_in_period(
        earlier["wall"].iloc[-1] if len(earlier) else None,
        later["wall"].iloc[0] if len(later) else None,
        choose_period,
    )
    st.stop()
