"""Page When: hours of the week, weekdays, the calendar of a year, streaks, longest sessions."""

import streamlit as st

import humanize
from analysis import days, hours
from analysis.periods import Period, collected
from analysis.year_review import years_of
from charts import bars, heat_maps
from components import choice, markup, messages, metrics, page_frame, ranked_lists, year_calendar
from components.page_frame import Listening

ROWS = 500


def counted_period(page: Listening) -> Period:
    """The days that averages divide by, before gaps are left out."""
    return collected(page.period, page.history.oldest_at)


def listening_clock(page: Listening) -> None:
    clock = hours.clock(page.shown, counted_period(page), page.by, page.now, page.unknown)
    best = hours.peak(clock)
    if best is None:
        page_frame.lead(
            "There is no average: all that was played lies in hours with gaps or in hours to come, or no length is "
            "known."
        )
        return
    weekday, hour, value = best
    when = f"{humanize.WEEKDAYS[weekday]}s, {humanize.hour_span(hour)}"
    text = f"You listen most on **{when}**: on average {humanize.average(value, page.by)} in that hour."
    page_frame.lead(text)
    st.header("Listening clock", anchor=False)
    st.altair_chart(heat_maps.clock(clock, page.by, page.colours), alt=page_frame.alt_text(text))
    most = humanize.counted(round(heat_maps.heat_top(clock)), page.by[:-1].lower())
    st.html(markup.heat_scale(f"{most} in an average hour, local time", page.colours))


def hours_and_weekdays(page: Listening) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.header("By hour of day", anchor=False)
        by_hour = hours.by_hour(page.shown, page.by)
        top = by_hour.loc[by_hour["share"].idxmax()]
        text = f"{humanize.percent(top['share'])} of listening falls in {humanize.hour_span(int(top['hour']))}."
        page_frame.answer(text, bars.shares_by_hour(by_hour, page.colours))
    with right:
        weekdays(page)


def weekdays(page: Listening) -> None:
    st.header("By weekday", anchor=False)
    period = counted_period(page)
    marked = days.gap_days(page.unknown, page.filters.zone, period.start, period.end)
    by_weekday = hours.by_weekday(page.shown, period, page.by, page.now, marked)
    if not by_weekday["value"].any():
        st.caption("There is no average: every day with music has a gap, or no length is known.")
        return
    top = by_weekday.loc[by_weekday["value"].idxmax()]
    text = (
        f"{humanize.WEEKDAYS[int(top['weekday'])]}s are fullest: {humanize.average(top['value'], page.by)} on average."
    )
    page_frame.answer(text, bars.averages_by_weekday(by_weekday, page.by, page.colours))


def every_day(page: Listening) -> None:
    st.header("Every day of the year", anchor=False)
    years = [str(year) for year in years_of(page.everything, page.today)]
    year = int(choice.one_of("Year", years, "calendar_year"))
    year_calendar.draw(page, year)


def streaks(page: Listening) -> None:
    st.header("Streaks", anchor=False)
    until = page.known_until
    is_known = until == page.today
    found = days.streaks(page.everything, until)
    with metrics.grid(2):
        when = "now" if is_known else f"to {humanize.day_near(until, page.today)}"
        st.metric(f"Days in a row, {when}", f"{found.current:,}", border=True)
        st.metric("Longest ever", f"{found.longest:,}", border=True)
    if found.longest_start and found.longest_end:
        longest = humanize.days(found.longest_start, found.longest_end)
        unknown = "" if is_known else " No plays are collected since then, so whether it went on is not known."
        st.caption(f"The longest: {longest}. All time, days with at least one play.{unknown}")


def long_sessions(page: Listening) -> None:
    st.header("Longest sessions", anchor=False)
    longest = days.longest_sessions(page.shown, page.filters.zone)
    longest = longest[longest["minutes"] > 0]
    if longest.empty:
        st.caption("None in this period whose length is known.")
        return
    first = longest.iloc[0]
    st.markdown(
        f"The longest one lasted **{humanize.minutes(first['minutes'])}** with {humanize.plays(int(first['plays']))}."
    )
    for number, (_, session) in enumerate(longest.iterrows(), start=1):
        length = f"{humanize.minutes(session['minutes'])}, {humanize.plays(int(session['plays']))}"
        label = f"{humanize.moment_year(session['start'])} – {length}"
        with st.expander(label, key=f"session_{number}", on_change="rerun") as opened:
            if opened.open:
                played = days.tracks_of_session(page.history, page.shown, session)
                ranked_lists.draw_played(page, played.head(ROWS), label)
                if len(played) > ROWS:
                    st.caption(f"The first {ROWS} of {len(played):,}.")


page = page_frame.listening()
if len(page.shown) < page_frame.FEW_PLAYS:
    page_frame.lead(page_frame.few(page))
    messages.few_plays(page.period)
else:
    listening_clock(page)
    hours_and_weekdays(page)
every_day(page)
left, right = st.columns([2, 3], gap="large")
with left:
    streaks(page)
with right:
    long_sessions(page)

page_frame.how_counted(f"""
- Every instant is turned into wall-clock time of **{page.filters.zone}**, day by day, so half-hour zones and both
  changes of the clock are right. The zone is under “Options”.
- **Clock**: each cell is divided by how often that hour of that weekday occurred in the period; hours of which a gap
  covers more than half are left out, as are plays inside a gap, and the hour under way counts as one. **By weekday**:
  days with a gap are left out, and today counts as one. Neither counts the days before the first known play.
- A play counts at the moment it ended, by Spotify's clock.
- **Streak**: days in a row with at least one known play. Today may still be missing.
- **Session**: plays with at most 30 minutes without music between them.
- **Outlined days**: Spotify's page did not reach back to a play stored from its API, so plays before it may be lost, or
  no plays have been collected since.
""")
