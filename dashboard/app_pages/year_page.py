"""Page Year: any calendar year or month in review, to keep as a picture."""

from calendar import month_abbr, month_name
from dataclasses import replace

import pandas as pd
import streamlit as st

import humanize
from analysis import days, totals, year_review
from analysis.periods import within
from charts import bars, year_picture
from components import choice, downloads, markup, metrics, page_frame, ranked_lists, year_calendar
from components.page_frame import Listening

WHOLE = "Whole year"


def chosen() -> tuple[int, int | None]:
    """Year and month, from two rows of pills, kept in the URL."""
    every = [str(year) for year in year_review.years_of(page.everything, page.today)]
    with st.container(horizontal=True):
        year = int(choice.one_of("Year", every, "year"))
        months = year_review.months_of(page.everything, year, page.today)
        month = choice.one_of("Month", [WHOLE, *(month_abbr[number] for number in months)], "month")
    return year, None if month == WHOLE else list(month_abbr).index(month)


def sentence(page: Listening, review: year_review.Review, name: str) -> str:
    """The amount, the change against the year before, the fullest day."""
    now, was = review.totals, review.before
    amount, before = (now.minutes, was.minutes) if page.by == "Minutes" else (now.plays, was.plays)
    so_far = " so far" if page.period.end >= page.today else ""
    is_compared = page.previous_for_sums is not None and not so_far
    change = humanize.compared(amount, before, f"the {page.period.name} before") if is_compared else ""
    busiest = review.busiest
    peak = (
        f" The fullest day was **{humanize.weekday_day(busiest.day)}** ({humanize.amount(busiest.value, page.by)})."
        if busiest
        else ""
    )
    verb = "you listened for" if page.by == "Minutes" else f"there {'was' if now.plays == 1 else 'were'}"
    return f"In **{name}**{so_far} {verb} **{humanize.amount(amount, page.by)}**{change}.{peak}"


def figures(review: year_review.Review) -> None:
    now = review.totals
    shown = [
        ("Time listened", humanize.known_minutes(now.minutes)),
        ("Plays", f"{now.plays:,}"),
        ("Tracks", f"{now.tracks:,}"),
        ("Artists", f"{now.artists:,}"),
        ("New artists", f"{now.new_artists:,}"),
        ("Days with music", f"{now.days_with_plays:,}"),
    ]
    with metrics.grid(6):
        for label, value in shown:
            metrics.noted(label, value)


def favourites(page: Listening, review: year_review.Review) -> None:
    grid = ranked_lists.grid(3)
    for kind, top in review.tops.items():
        with grid.cell():
            st.header(f"Top {kind.lower()}", anchor=False)
            ranked_lists.draw_top(page, top, kind, f"Top {kind.lower()}", moves=False)


def courses(page: Listening, review: year_review.Review, year: int, month: int | None) -> None:
    if month is None:
        months(page, review)
        st.header("Every day", anchor=False)
        year_calendar.draw(page, year)
    else:
        days_of_month(page, review)


def days_of_month(page: Listening, review: year_review.Review) -> None:
    """Day by day, with the month before behind it."""
    st.header("Day by day", anchor=False)
    fact = f"{humanize.counted(review.totals.days_with_plays, 'day')} had music."
    marked = days.gap_days(page.unknown, page.filters.zone, page.period.start, page.period.end)
    trend = totals.trend(page.everything, page.period, page.by, marked, page.history.oldest_at)
    st.altair_chart(bars.trend(trend, page.by, page.colours), alt=fact)
    page_frame.gap_notice(page)
    st.caption(f"{fact} Grey bars behind: the month before." if page.previous else fact)


def months(page: Listening, review: year_review.Review) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Month by month", anchor=False)
        best = review.months.loc[review.months["value"].idxmax()]
        fact = f"**{best['month_on']:%B}** was the fullest month with {humanize.amount(best['value'], page.by)}."
        page_frame.answer(fact, bars.months(review.months, page.by, page.colours))
    with right:
        st.header("Who led when", anchor=False)
        if review.bump["month_on"].nunique() < 2:
            st.caption("A course needs two months with music.")
            return
        st.markdown("Rank among all artists, month by month, of the six you played most.")
        st.altair_chart(bars.bump(review.bump, page.colours), alt=bump_in_words(review.bump))
        st.html(markup.legend(bars.legend_of_bump(review.bump, page.colours)))


def bump_in_words(bump: pd.DataFrame) -> str:
    last = bump[bump["month_on"] == bump["month_on"].max()].sort_values("rank")
    return "In the last month: " + humanize.joined(
        [f"{row['artist_name']} {row['rank']}" for row in last.to_dict("records")]
    )


def picture_of(page: Listening, review: year_review.Review, name: str, month: int | None) -> bytes:
    now = review.totals
    bars = review.months["value"] if month is None else daily(page)
    names = (
        [f"{at:%b}" for at in review.months["month_on"]]
        if month is None
        else [str(day + 1) if day % 5 == 0 else "" for day in range(len(bars))]
    )
    tracks = [
        " – ".join(filter(None, (humanize.named(row["name"], "track"), ranked_lists.text(row["artist_name"]))))
        for row in review.tops["Tracks"].to_dict("records")
    ]
    return year_picture.svg(
        title=name,
        name=page.name,
        numbers=[
            (
                humanize.known_minutes(now.minutes),
                f"listened{', estimated' if now.measured_share < page_frame.MEASURED_FROM else ''}",
            ),
            (f"{now.plays:,}", humanize.plural("play", now.plays)),
            (f"{now.artists:,}", humanize.plural("artist", now.artists)),
            (f"{now.new_artists:,}", humanize.plural("new artist", now.new_artists)),
        ],
        lists=[
            ("Top tracks", tracks),
            ("Top artists", [humanize.named(name, "artist") for name in review.tops["Artists"]["name"]]),
            ("Top albums", [humanize.named(name, "album") for name in review.tops["Albums"]["name"]]),
        ],
        bars=list(bars),
        bar_names=names,
    )


def keep(page: Listening, review: year_review.Review, name: str, month: int | None) -> None:
    """The year as a picture to download, with the lists' titles in it."""
    file_name = f"heavy-rotation-{name.lower().replace(' ', '-')}"
    picture = picture_of(page, review, name, month)
    st.header("Keep it", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        downloads.as_png(picture, f"{file_name}.png")
        downloads.button("As SVG", picture, f"{file_name}.svg", mime="image/svg+xml", key="picture")
    st.caption("This page's address is the link to share with whom you let see this dashboard.")


def daily(page: Listening) -> pd.Series:
    every = days.calendar(page.everything, page.period.start.year, page.by, page.unknown, page.filters.zone, page.now)
    first, last = pd.Timestamp(page.period.start), pd.Timestamp(page.period.begun_until)
    return every.loc[every["day"].between(first, last), "value"]


page = page_frame.listening()
year, month = chosen()
name = f"{month_name[month]} {year}" if month else str(year)
page = replace(page, period=year_review.period_of(year, month, page.filters.zone, page.now))
plays = within(page.everything, page.period)
page = page_frame.counted(page, plays)
review = year_review.review(page.history, page.everything, page.period, page.by)
page_frame.is_about(page, plays)
if review.totals.plays == 0:
    silent = f"Nothing was played in {name}" if page.is_collected else f"No plays of {name} were collected"
    st.header(silent, anchor=False)
    st.markdown("Choose another month above.")
    page_frame.gap_notice(page, is_outlined=False)
    st.stop()
page_frame.lead(sentence(page, review, name))
figures(review)
favourites(page, review)
courses(page, review, year, month)
keep(page, review, name, month)

page_frame.how_counted(f"""
- The whole calendar {"month" if month else "year"}, from its first to its last midnight in **{page.filters.zone}**, to
  date while it is going on. Nothing is cut off in November.
- Lists are by {page.by.lower()}, ties as on the Top page. Recordings under several ids count as one.
- A {"month" if month else "year"} that is over is compared with the one before, unless only a part of either is known:
  plays may be missing in at most a twentieth of its time.
- **New artists** were played for the first time ever.{page_frame.estimated(review.totals.measured_share)}
- The picture holds no covers: Spotify does not want them altered.
""")
