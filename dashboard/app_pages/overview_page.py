"""Page Overview: minutes a day, totals against the period before, the top ten, the last plays."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

import humanize
from analysis import days, hours, tops, totals
from analysis.periods import Period, collected
from charts import bars
from components import messages, metrics, page_frame, ranked_lists
from components.markdown import literal
from components.page_frame import Listening


def sentence(page: Listening, now: totals.Totals) -> str:
    """The average of a day against the period before, or the sum where there is none; the most played track."""
    average = a_day(page, page.shown, page.period, page.now)
    if average is None:
        whole = now.minutes if page.by == "Minutes" else now.plays
        return f"**{humanize.amount(whole, page.by)}** in all.{favourite(page)}"
    # The period before ends at an hour of its last day while today goes on: neither average counts such a day.
    previous, before = page.previous, page.before
    was = a_day(page, before, previous, previous.until_at or page.now) if previous and before is not None else None
    span = f"the {humanize.each(page.period.days, 'day')} before"
    change = humanize.compared(average, was, span if page.period.days == 1 else f"an average day of {span}")
    return f"**{humanize.average(average, page.by)} a day** on average{change}.{favourite(page)}"


def a_day(page: Listening, plays: pd.DataFrame, period: Period, now: datetime) -> float | None:
    """The average of a period's days up to now; None where there is none."""
    period = collected(period, page.history.oldest_at)
    marked = days.gap_days(page.unknown, page.filters.zone, period.start, period.end)
    return hours.per_day(plays, period, page.by, now, marked)


def favourite(page: Listening) -> str:
    """The most played track, with how many others share its place; nothing where none was played twice."""
    top = tops.top(page.history, page.shown, "Tracks", "Plays", limit=1)
    most, times = top.iloc[0], int(top["plays"].iloc[0])
    if times == 1:
        return ""
    by_whom = f" by {literal(most['artist_name'])}" if ranked_lists.text(most["artist_name"]) else ""
    shared = f", shared by {top.attrs['tied_beyond'] + 1}" if most["is_tied"] else ""
    name = literal(humanize.named(most["name"], "track"))
    return f" **{name}**{by_whom} was played most: {humanize.counted(times, 'time')}{shared}."


def figures(page: Listening, now: totals.Totals, before: totals.Totals | None) -> None:
    """Four numbers, with bars where there are enough plays for a course."""
    shown = {
        "minutes": ("Time listened", humanize.known_minutes(now.minutes)),
        "plays": ("Plays", f"{now.plays:,}"),
        "artists": ("Artists", f"{now.artists:,}"),
        "new_tracks": ("New tracks", f"{now.new_tracks:,}"),
    }
    enough = now.plays >= page_frame.FEW_PLAYS
    with metrics.grid(4):
        for measure, (label, value) in shown.items():
            change = humanize.change(getattr(now, measure), getattr(before, measure, None))
            course = totals.spark_bars(page.history, page.everything, page.period, measure) if enough else None
            metrics.changed(label, value, change, chart_data=course, chart_type="bar", height="stretch")


def how_much(page: Listening, now: totals.Totals, lead: str) -> None:
    st.header("How much did you listen?", anchor=False)
    marked = days.gap_days(page.unknown, page.filters.zone, page.period.start, page.period.end)
    trend = totals.trend(page.everything, page.period, page.by, marked, page.history.oldest_at)
    st.altair_chart(
        bars.trend(trend, page.by, page.colours), alt=page_frame.alt_text("Listening over the period.", lead)
    )
    page_frame.gap_notice(page)
    before = trend.attrs["before"]
    behind = f" Grey bars behind: {humanize.days(before.start, before.end)}." if before else ""
    st.caption(f"Coloured bars: this period.{behind}{page_frame.estimated(now.measured_share)}")


def top_ten(page: Listening) -> None:
    st.header("Top ten tracks", anchor=False)
    name = tops.SPARK_PERIODS.get(page.period.name)
    stored = page.viewer.store.top_tracks(page.filters.listener).value
    spark = stored[stored["period"] == name] if name else stored.head(0)
    if len(spark):
        st.caption(computed(page, spark))
        ranked_lists.draw_top(
            page, tops.from_spark(page.history, spark, str(name)), "Tracks", "Top ten tracks", by="Plays"
        )
        return
    why = (
        "Spark has not written a list for it yet"
        if name
        else "Spark keeps lists of 7 and 28 days, 12 months and all time"
    )
    st.caption(f"Counted in this app just now, by {page.by.lower()}: {why}.")
    counted = tops.top(page.history, page.shown, "Tracks", page.by, page.before)
    ranked_lists.draw_top(page, counted, "Tracks", "Top ten tracks")


def computed(page: Listening, spark: pd.DataFrame) -> str:
    """Up to when and by which run; the list is older than the plays beside it."""
    first = spark.iloc[0]
    until = first["as_of"].tz_convert(ZoneInfo(page.filters.zone))
    if not page.viewer.sees_batch(first["run_id"]):
        return f"By plays, counted up to {humanize.day(until)}. Computed by Spark."
    age = humanize.ago(max(page.now - first["computed_at"].to_pydatetime(), timedelta()))
    return f"By plays, counted up to {humanize.moment(until)}. Computed by Spark {age}, run {first['run_id']}."


page = page_frame.listening()
now = totals.totals(page.history, page.everything, page.period)
previous = page.previous_for_sums
before = totals.totals(page.history, page.everything, previous) if previous else None
arrow = (
    """ The arrow compares with the period of the same length just before; its days are counted back from the hour
  it was computed, not from midnight."""
    if page.previous
    else ""
)

is_few = now.plays < page_frame.FEW_PLAYS
lead = page_frame.few(page) if is_few else sentence(page, now)
page_frame.lead(lead)
figures(page, now, before)
if is_few:
    messages.few_plays(page.period)
how_much(page, now, lead)

left, right = st.columns([3, 2], gap="large")
with left:
    top_ten(page)
with right:
    st.header("Last played", anchor=False)
    st.caption(f"The newest first, on the clock of {page.filters.zone}.")
    ranked_lists.draw_played(page, tops.last_played(page.history, page.everything), "Last played")

page_frame.how_counted(f"""
- **A play** is a track that Spotify's list of recently played tracks returned, or one of an imported export. One of
  less than 30 seconds in the export does not count. Its time is the moment it ended.
- **Minutes** are measured where an export has them; else the length of the track, which is too much for skipped
  tracks.
- **Top ten** is worked out by a Spark batch after new plays: by plays, then minutes, then the latest play. Tracks with
  as many plays share a rank (“=”) and the next rank is left out. Recordings that Spotify keeps under several ids count
  as one.{arrow}
- **The average** of a day leaves out the days before the first known play, the days with a gap,
  and today, if any other has music; so does the one of the period before. Comparisons are made only with a period that
  began no earlier than that play’s day; of sums up to the same hour while today goes on, and only where plays may be
  missing in at most a twentieth of either period.
- **New tracks** were played for the first time in this period.
- **The last bar** is paler while its day, week or month is not over.
""")
