"""The frame of every page: loads its plays, shows freshness, warnings and empty states, explains the counting."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import humanize
from access.viewer import Viewer
from analysis import days
from analysis.history import History, measured_share, minutes
from analysis.periods import ALL_TIME, DAYS, Period, comparable, local_day, named_period, within
from charts.bars import Chart
from components import filters as filter_values
from components import markdown, messages
from components.filter_bar import as_query
from components.filters import Filters
from pipeline import health
from theme import Colours, colours
from warehouse.errors import WarehouseUnreadable
from warehouse.store import Loaded

FEW_PLAYS = 20
MEASURED_FROM = 0.9
"""With a smaller share of measured time, minutes are called estimated."""


@dataclass(frozen=True)
class Listening:
    """A listener's plays as the filter bar selects them. `everything` and `shown` are on the clock of the zone."""

    viewer: Viewer
    filters: Filters
    loaded: Loaded[History]
    period: Period
    everything: pd.DataFrame
    shown: pd.DataFrame
    before: pd.DataFrame | None
    gaps: pd.DataFrame
    not_collected_since: datetime | None
    now: datetime
    colours: Colours
    heading: DeltaGenerator
    caption: DeltaGenerator
    by: str
    """Minutes or plays: what the filter bar says, but for plays of which no minute is known."""

    @property
    def history(self) -> History:
        return self.loaded.value

    @property
    def unknown(self) -> pd.DataFrame:
        """Stretches in which plays may be missing: the gaps and, while no plays are collected, the time since."""
        if self.not_collected_since is None:
            return self.gaps
        since = pd.DataFrame({"gap_start": [self.not_collected_since], "gap_end": [self.now]})
        columns = ["gap_start", "gap_end"]
        return pd.concat([frame[columns] for frame in (self.gaps, since) if len(frame)], ignore_index=True)

    @property
    def name(self) -> str:
        return self.viewer.label_of(self.filters.listener)

    @property
    def previous(self) -> Period | None:
        """The period that this one can be compared with, where there is one."""
        return comparable(self.period, self.history.oldest_at, self.now)

    @property
    def previous_for_sums(self) -> Period | None:
        """The period before, where sums can be compared with it: at most a twentieth of either may be missing."""
        if self.previous is None:
            return None
        stretches = [(each.start_at, min(each.end_at, self.now)) for each in (self.period, self.previous)]
        is_known = all(20 * days.unknown_time(self.unknown, start, end) <= end - start for start, end in stretches)
        return self.previous if is_known else None

    @property
    def is_collected(self) -> bool:
        """Whether plays of any time of the period are known: not before the first one, nor where all may be missing."""
        start, end = self.period.start_at, min(self.period.end_at, self.now)
        has_begun = self.history.oldest_at is not None and self.history.oldest_at < end
        return has_begun and days.unknown_time(self.unknown, start, end) != end - start

    @property
    def today(self) -> date:
        return local_day(self.now, self.filters.zone)

    @property
    def known_until(self) -> date:
        """The last day of which plays were collected: today, unless that has stopped."""
        return local_day(self.not_collected_since or self.now, self.filters.zone)

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


HEAD: ContextVar[Head] = ContextVar("head")
"""From the entry point to the page, which runs as a script of its own in the same thread."""


def listening(*, needs_plays: bool = True) -> Listening:
    """Loads the plays of the page and shows how fresh they are; stops the page where there are none.

    Without `needs_plays` it is the Pipeline page, which shows the status of the pipeline itself.
    """
    head, caption = HEAD.get(), st.empty()
    page = _load(head, head.filters.listener, caption)
    _warnings([page], shows_status=needs_plays)
    if needs_plays:
        _stop_without_plays(page)
    shown = page.shown if head.has_period else page.everything
    caption.caption(_caption(page, shown if needs_plays else None, with_period=head.has_period))
    if head.has_period:
        _stop_when_nothing(page)
        return counted(page, page.shown)
    return page


def together(choose: Callable[[Viewer, str], Sequence[str]]) -> list[Listening]:
    """The same for two or more listeners: those that `choose` gives, less those without plays in the period.

    `choose` gets the viewer and the listener of the filter bar.
    """
    head = HEAD.get()
    if len(head.viewer.listeners) < 2:
        messages.one_listener()
        st.stop()
    caption, slugs = st.empty(), choose(head.viewer, head.filters.listener)
    if len(slugs) < 2:
        messages.choose_two()
        st.stop()
    pages = [_load(head, slug, caption) for slug in slugs]
    _warnings(pages, shows_status=True)
    played = [page for page in pages if len(page.shown)]
    left_out = [page for page in pages if not len(page.shown)]
    if len(played) < 2:
        for page in left_out:
            _stop_without_plays(page)
        _stop_when_nothing(left_out[0], left_out[0].name)
    for page in left_out:
        messages.left_out(page.name)
    # All time begins with the first play of any of them.
    period = min((page.period for page in played), key=lambda each: each.start)
    by = "Plays" if any(counts_plays(page, page.shown) for page in played) else head.filters.by
    if by != head.filters.by:
        messages.no_minutes()
    ages = [
        f"of {markdown.literal(page.name)} {humanize.ago(page.now - newest)}"
        for page in played
        if (newest := page.history.newest_at(page.now))
    ]
    is_estimated = measured_share(pd.concat([page.shown for page in played])) < MEASURED_FROM
    parts = [humanize.days(period.start, period.end), f"times in {head.filters.zone}", f"newest play {', '.join(ages)}"]
    caption.caption(" · ".join([*parts, *(["minutes estimated"] if is_estimated else [])]))
    return [replace(page, period=period, by=by) for page in played]


def _load(head: Head, listener: str, caption: DeltaGenerator) -> Listening:
    viewer, chosen, now = head.viewer, replace(head.filters, listener=listener), head.now
    loaded = viewer.store.history(listener)
    ledger, newest_at = viewer.runs(), loaded.value.newest_at(now)
    since = health.not_collected_since(ledger.value, listener, newest_at, as_of(ledger, now), viewer.settings.schedule)
    stretch = filter_values.period_of(chosen, now, loaded.value.oldest_at)
    local = loaded.value.local(chosen.zone)
    previous = comparable(stretch, loaded.value.oldest_at, now)
    return Listening(
        viewer=viewer,
        filters=chosen,
        loaded=loaded,
        period=stretch,
        everything=local,
        shown=within(local, stretch),
        before=within(local, previous) if previous else None,
        gaps=viewer.store.gaps(listener).value,
        not_collected_since=since,
        now=now,
        colours=colours(),
        heading=head.heading,
        caption=caption,
        by=chosen.by,
    )


def _stop_without_plays(page: Listening) -> None:
    """Stops the page of a listener of whom no play is stored, or none that counts."""
    settings = page.viewer.settings
    if page.history.is_empty:
        ledger = page.viewer.runs().value
        runs = int(((ledger["step"] == "ingest") & (ledger["slot"] > page.now - timedelta(days=14))).sum())
        next_run_at = settings.schedule.next_after(page.now).astimezone(ZoneInfo(page.filters.zone))
        messages.no_plays(page.name, runs, next_run_at, settings)
        st.stop()
    if page.history.counting.empty:
        messages.no_play_counts(page.name, len(page.history.plays), settings)
        st.stop()


def counted(page: Listening, plays: pd.DataFrame) -> Listening:
    """The page of these plays, which counts plays, and says so, where no minute of them is known."""
    if not counts_plays(page, plays):
        return page
    messages.no_minutes()
    return replace(page, by="Plays")


def counts_plays(page: Listening, plays: pd.DataFrame) -> bool:
    """Whether minutes were chosen and none of these plays has any."""
    return page.by == "Minutes" and not plays.empty and not plays["heard_ms"].any()


def is_about(page: Listening, plays: pd.DataFrame) -> None:
    """For pages without a period of the filter bar: only of these plays they show minutes."""
    page.caption.caption(_caption(page, plays, with_period=False))


def tab_title(name: str) -> None:
    """What tabs, bookmarks and the browser's list of visited pages call this page."""
    st.set_page_config(page_title=f"{name} · Heavy Rotation")


def lead(text: str) -> None:
    """The page's answer, in a sentence, before anything else."""
    with st.container(key="hr-lead"):
        st.markdown(text)


def answer(text: str, chart: Chart, alt: str = "") -> None:
    """A sentence and the chart it is read from; without another text the sentence is the chart's for screen readers."""
    st.markdown(text)
    st.altair_chart(chart, alt=alt_text(alt or text))


def few(page: Listening) -> str:
    """The answer where there are too few plays for an average."""
    played = minutes(page.shown)
    time = f", {humanize.minutes(played)} in all" if played else ""
    last = humanize.moment_year(page.shown["wall"].iloc[-1])
    return f"**{humanize.plays(len(page.shown))}** in this period{time}, the last one on **{last}**."


def head(title: str) -> DeltaGenerator:
    """A heading with room for a choice beside it; as high without one, so that columns stay level."""
    key = f"hr-head-{re.sub('[^a-z]+', '-', title.lower())}"
    row = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key=key)
    row.header(title, anchor=False, width="content")
    return row


def how_counted(text: str) -> None:
    with st.expander("How is this counted?", icon=":material/help:"):
        st.markdown(text)


def estimated(share_measured: float) -> str:
    """Says in a caption that minutes are not measured, where they are not."""
    return (
        ""
        if share_measured >= MEASURED_FROM
        else " Minutes are estimated: Spotify reports that a track was played, not for how long."
    )


def gap_notice(page: Listening, *, is_outlined: bool = True) -> None:
    count = int(((page.gaps["gap_end"] > page.period.start_at) & (page.gaps["gap_start"] < page.period.end_at)).sum())
    if count and not is_outlined:
        messages.gaps_of(page.name, count)
    elif count:
        marked = days.gap_days(page.gaps, page.filters.zone, page.period.start, page.period.end)
        messages.gaps_in_period(count, sorted(marked), page.today)
    if page.not_collected_since and page.not_collected_since < page.period.end_at:
        ledger = page.viewer.runs()
        levels = health.listeners(ledger.value, as_of(ledger, page.now)).set_index("listener_id")["level"]
        level = levels.get(page.filters.listener)
        # The Pipeline page has nothing of a listener whom no run names, such as one whose plays were imported alone.
        command = page.viewer.settings.cli(f"authorize {page.filters.listener}")
        step = f"Run `{command}`." if level is None else "The Pipeline page says what to do."
        since = humanize.day_near(local_day(page.not_collected_since, page.filters.zone), page.today)
        is_refused = level in ("gone", "ended")
        messages.not_collected(page.name, since, step, is_refused=is_refused, is_outlined=is_outlined)


def alt_text(*sentences: str) -> str:
    """A chart's text alternative: the sentence above it without its marks."""
    return markdown.plain(" ".join(sentences))


def _caption(page: Listening, plays: pd.DataFrame | None, *, with_period: bool) -> str:
    """`plays` are those whose minutes the page shows; None where it shows none."""
    zone = f"times in {page.filters.zone}" if with_period else f"Times in {page.filters.zone}"
    newest = page.history.newest_at(page.now)
    added = f"newest play {humanize.ago(page.now - newest)}" if newest else "no plays yet"
    parts = [humanize.days(page.period.start, page.period.end)] if with_period else []
    is_estimated = plays is not None and measured_share(plays) < MEASURED_FROM
    return " · ".join([*parts, zone, added, *(["minutes estimated"] if is_estimated else [])])


def _warnings(pages: Sequence[Listening], *, shows_status: bool) -> None:
    """One warning of a stale copy, else the status of the pipeline where it is not as it should be."""
    if not any(stale(page.loaded, page.filters.zone, page.now) for page in pages) and shows_status:
        _status(pages)


def stale(loaded: Loaded[Any], zone: str, now: datetime) -> bool:
    """Whether this is a stale copy, which a warning then says."""
    if loaded.error:
        messages.stale(loaded.known_at.astimezone(ZoneInfo(zone)), now - loaded.known_at, loaded.error)
    return bool(loaded.error)


@contextmanager
def part() -> Iterator[None]:
    """A part of a page that is not there, and says why, where there is no copy of its table."""
    try:
        yield
    except WarehouseUnreadable as error:
        messages.unreadable_part(str(error))


def as_of(loaded: Loaded[Any], now: datetime) -> datetime:
    """The instant to judge the ledger at: in a stale copy the hours since then are unknown, not missing."""
    return loaded.known_at if loaded.error else now


def _status(pages: Sequence[Listening]) -> None:
    viewer, now = pages[0].viewer, pages[0].now
    ledger = viewer.runs()
    stale(ledger, pages[0].filters.zone, now)
    status = health.status(ledger.value, as_of(ledger, now), viewer.settings.schedule)
    if status.level in ("never", "late", "failing", "paused"):
        messages.behind(f"{status.words}. The charts show what has arrived.")
        return
    found = health.listeners(ledger.value, now)
    names = {page.filters.listener: markdown.literal(page.name) for page in pages}
    for row in found[found["listener_id"].isin(names) & (found["state"] == "failed")].to_dict("records"):
        reason = viewer.reason(row["reason"] or "No reason was recorded.")
        messages.behind(f"The last run could not read {names[row['listener_id']]}'s plays: {markdown.literal(reason)}")


def _stop_when_nothing(page: Listening, who: str = "") -> None:
    if len(page.shown):
        return
    at = page.everything["played_at"]
    earlier = page.everything[at < page.period.start_at]
    later = page.everything[at >= page.period.end_at]
    named = [named_period(name, page.filters.zone, page.now, page.history.oldest_at) for name in (*DAYS, ALL_TIME)]
    holding = [period.name for period in named if len(within(page.everything, period))]
    messages.nothing_in_period(
        earlier["wall"].iloc[-1] if len(earlier) else None,
        later["wall"].iloc[0] if len(later) else None,
        list(dict.fromkeys([*holding[:1], *holding[-1:]])),  # the shortest and all time
        who,
        is_collected=page.is_collected,
    )
    gap_notice(page, is_outlined=False)
    st.stop()
