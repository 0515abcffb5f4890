"""Page Discoveries: new artists, new tracks that stayed, forgotten favourites, skips, loyalty, release decades."""

import pandas as pd
import streamlit as st

import humanize
from analysis import discoveries, endings
from charts import bars
from components import choice, item_page, markup, messages, metrics, page_frame, ranked_lists
from components.markdown import literal
from components.page_frame import Listening

SHOWN = 10


def none_known(page: Listening, column: str, what: str) -> str:
    """Why there is nothing to count by this column of the tracks: by minutes, plays without a length weigh nothing."""
    if pd.notna(page.history.per_play(column, page.shown)).any():
        return f"No length is known of plays whose {what} is known."
    return f"No {what}s are known for these plays."


def new_and_known(page: Listening) -> None:
    weekly = discoveries.new_and_known(page.history, page.everything, page.period, page.by)
    total = weekly["value"].sum()
    if not total:
        page_frame.lead(none_known(page, "artist_key", "artist"))
        return
    share = float(weekly.loc[weekly["kind"] == "New", "value"].sum() / total)
    part = f"**{humanize.percent(share)}** of your listening" if share else "**None** of your listening"
    text = f"{part} went to artists you had known for less than 30 days."
    page_frame.lead(text)
    st.header("How much is new?", anchor=False)
    st.altair_chart(bars.new_and_known(weekly, page.by, page.colours), alt=page_frame.alt_text(text))
    kinds = [("new artists", page.colours.primary, "", ""), ("artists known before", page.colours.pale, "", "")]
    st.html(markup.legend(kinds))


def stuck(page: Listening) -> None:
    st.header("New and here to stay", anchor=False)
    kept = discoveries.stuck(page.history, page.everything, page.period, page.by, SHOWN)
    if kept.empty:
        st.caption(
            f"No track first played in this period has been played five times yet.{messages.longer(page.period)}"
        )
        return
    st.markdown(
        f"**{humanize.counted(kept.attrs['total'], 'track')}** first played in this period came back at least "
        "four times."
    )
    ranked_lists.draw_top(page, kept, "Tracks", "New tracks that stuck", moves=False)


def forgotten(page: Listening) -> None:
    st.header("Forgotten favourites", anchor=False)
    until = page.known_until
    lost = discoveries.forgotten(page.history, page.everything, until, page.by, SHOWN)
    half_year = "the last 180 days"
    if until != page.today:
        half_year = f"the 180 days before {humanize.day(until)}; no plays are collected since then"
    if lost.empty:
        lately = f"None: every track played twenty times or more was also played in {half_year}."
        st.caption(lately if lost.attrs["favourites"] else "No track has been played twenty times yet.")
        return
    first = lost.iloc[0]
    times = humanize.counted(int(first["plays"]), "time")
    name = humanize.named(first["name"], "track")
    st.markdown(f"**{literal(name)}** was played {times}, but not in {half_year}.")
    ranked_lists.draw_top(page, lost, "Tracks", "Forgotten favourites", moves=False)


def skips(page: Listening) -> None:
    st.header("What do you skip?", anchor=False)
    found = endings.endings(page.history.stored)
    if not found.known:
        messages.no_endings("plays", page.viewer.settings)
        return
    to_end, skipped = (humanize.percent(count / found.known) for count in (found.to_end, found.skipped))
    st.markdown(f"You played **{to_end}** to the end and skipped **{skipped}**.")
    st.caption(item_page.known_endings(page, found))
    left, right = st.columns(2, gap="large")
    with left:
        ended_so(page, "skip", "Skipped most", never="was skipped")
    with right:
        ended_so(page, "end", "Played to the end", never="was played to its end")


def ended_so(page: Listening, ending: str, title: str, *, never: str) -> None:
    """`never`: what no track did, where the list is empty."""
    st.subheader(title, anchor=False)
    rows = endings.most(page.history, ending, SHOWN)
    if rows.empty:
        known = f"of which {endings.KNOWN_FROM_PLAYS} or more endings are known"
        st.caption(f"No track {known} {never}." if rows.attrs["looked_at"] else f"There is no track {known}.")
        return
    items = [
        ranked_lists.item_row(
            page,
            row,
            "Tracks",
            main=humanize.percent(row["share"]),
            small=f"{row['count']:,} of {humanize.plays(row['known'])}",
            share=row["share"],
            # A track of which no play counts has no page.
            **({} if row["counts"] else {"title_href": None}),
        )
        for row in rows.to_dict("records")
    ]
    st.html(markup.unranked(items, page.colours, title))


def loyalty(page: Listening) -> None:
    """How few artists most of the listening goes to, now and in the period before."""
    st.header("Loyalty", anchor=False)
    now = discoveries.loyalty(page.history, page.shown, page.by)
    if now is None:
        st.caption(none_known(page, "artist_key", "artist"))
        return
    before = None if page.before is None else discoveries.loyalty(page.history, page.before, page.by)
    if now.artists_for_half:
        half = humanize.counted(now.artists_for_half, "artist")
        st.markdown(f"Half of your listening went to **{half}** of {now.artists:,}.")
    figures = [
        ("Your favourite artist", now.favourite_share, before.favourite_share if before else None),
        ("Your ten favourites", now.ten_share, before.ten_share if before else None),
    ]
    with st.grid(2, min_column_width=200):
        for label, share, was in figures:
            metrics.changed(label, humanize.percent(share), humanize.points(share, was))


def decades(page: Listening) -> None:
    shares = discoveries.decades(page.history, page.shown, page.by)
    known = shares[shares["decade"] != "Unknown"]
    if not known["share"].any():
        st.header("How old is the music?", anchor=False)
        st.caption(none_known(page, "release_year", "release date"))
        return
    top = str(known.loc[known["share"].idxmax(), "decade"])
    text = f"The **{top}** lead with {humanize.percent(known['share'].max())} of listening."
    left, right = st.columns(2, gap="large")
    with left:
        page_frame.head("How old is the music?")
        page_frame.answer(text, bars.shares(shares, "decade", page.colours))
    with right:
        years_of_decade(page, list(known.loc[known["share"] > 0, "decade"]), top)


def years_of_decade(page: Listening, choices: list[str], top: str) -> None:
    with page_frame.head("Year by year"):
        decade = choice.in_list("Look into a decade", choices, "decade", choices.index(top), width=140)
    years = discoveries.years_in_decade(page.history, page.shown, page.by, int(decade[:4]), page.today.year)
    best = years.loc[years["share"].idxmax()]
    text = f"Of the {decade}, **{int(best['year'])}** leads with {humanize.percent(best['share'])} of listening."
    page_frame.answer(text, bars.shares(years, "year", page.colours), f"Release years of the {decade}.")


page = page_frame.listening()
new_and_known(page)
left, right = st.columns(2, gap="large")
with left:
    stuck(page)
with right:
    forgotten(page)
skips(page)
loyalty(page)
decades(page)

page_frame.how_counted(f"""
- **New**: listening to a first-credited artist whose first play ever is less than 30 days older. The first weeks of a
  history are all new: nothing before them is known. Plays whose artist is not known are left out.
- **The last bar** is paler while its week or month is not over.
- **Here to stay**: first played in this period, played at least five times since.
- **Forgotten**: played at least twenty times, and not once in the last 180 days that are known; of all time, not of the
  period.
- {item_page.ENDINGS} Listed by share are tracks of which at least {endings.KNOWN_FROM_PLAYS} endings are known; of all
  time, not of the period.
- **Loyalty**: the parts of the period that went to its favourite artists, by the first credited artist of each play.
  It is compared with the period just before only if that one began no earlier than the day of the first play.
- **Decades**: by the release date of the album that was played, so a re-issue counts as new music.
""")
