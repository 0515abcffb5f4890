"""What is new, what stuck, what did I forget?"""

import pandas as pd
import streamlit as st

import charts
import discoveries
import frame
import lists
import words
from frame import Listening
from in_markdown import literal

SHOWN = 10


def new_share(weekly: pd.DataFrame) -> float:
    total = weekly["value"].sum()
    return float(weekly.loc[weekly["kind"] == "New", "value"].sum() / total) if total else 0.0


def new_and_known(page: Listening) -> None:
    st.header("How much is new?", anchor=False)
    weekly = discoveries.new_and_known(page.history, page.everything, page.period, page.by)
    share = new_share(weekly)
    part = f"**{words.percent(share)}** of listening" if share else "**None** of it"
    said = f"{part} went to artists you had known for less than 30 days."
    st.markdown(said)
    st.altair_chart(charts.new_and_known(weekly, page.by, page.colours), alt=frame.alt_text(said))


def stuck(page: Listening) -> None:
    st.header("New and here to stay", anchor=False)
    kept = discoveries.stuck(page.history, page.everything, page.period, page.by, SHOWN)
    if kept.empty:
        st.caption("No track first heard in this period has been played five times yet. A longer period may hold some.")
        return
    st.markdown(
        f"**{words.counted(kept.attrs['total'], 'track')}** first heard in this period came back at least four times."
    )
    lists.draw_top(page, kept, "Tracks", "New tracks that stuck", moves=False)


def forgotten(page: Listening) -> None:
    st.header("Forgotten favourites", anchor=False)
    lost = discoveries.forgotten(page.history, page.everything, page.today, page.by, SHOWN)
    if lost.empty:
        st.caption("None: every track played twenty times or more was also heard in the last 180 days.")
        return
    first = lost.iloc[0]
    times = words.counted(int(first["plays"]), "time")
    st.markdown(f"**{literal(first['name'])}** was played {times}, but not for half a year.")
    lists.draw_top(page, lost, "Tracks", "Forgotten favourites", moves=False)


def loyalty(page: Listening) -> None:
    st.header("Loyalty", anchor=False)
    share = discoveries.loyalty(page.history, page.shown, page.by)
    if share is None:
        st.caption("Spotify told no artists for these plays.")
        return
    st.metric("Share of your ten favourite artists", words.percent(share), border=True)
    st.markdown("Most of what you hear comes from a few." if share > 0.5 else "You spread your listening widely.")


def decades(page: Listening) -> None:
    st.header("How old is the music?", anchor=False)
    told = discoveries.decades(page.history, page.shown, page.by)
    known = told[told["decade"] != "Unknown"]
    if known.empty:
        st.caption("No release dates are known for these plays.")
        return
    top = str(known.loc[known["share"].idxmax(), "decade"])
    said = f"The {top} lead with {words.percent(known['share'].max())} of listening."
    st.markdown(said)
    left, right = st.columns(2, gap="large")
    with left:
        title = "Share of listening"
        st.altair_chart(charts.bars(told, "decade", "share", page.colours, title=title, as_share=True), alt=said)
    with right:
        years_of_decade(page, list(known.loc[known["share"] > 0, "decade"]), top)


def years_of_decade(page: Listening, choices: list[str], top: str) -> None:
    decade = str(st.selectbox("Look into a decade", choices, index=choices.index(top), key="decade", width=200))
    years = discoveries.years_in_decade(page.history, page.shown, page.by, int(decade[:4]))
    chart = charts.bars(years, "year", "share", page.colours, title="Share of listening", as_share=True)
    st.altair_chart(chart, alt=f"Release years of the {decade}.")


page = frame.listening()
new_and_known(page)
left, right = st.columns(2, gap="large")
with left:
    stuck(page)
    loyalty(page)
with right:
    forgotten(page)
decades(page)

frame.how_counted("""
- **New**: listening to a first-credited artist whose first play ever is less than 30 days older. The first weeks of a
  history are all new: nothing before them is known.
- **Here to stay**: first heard in this period, played at least five times since.
- **Forgotten**: played at least twenty times, and not once in the last 180 days; of all time, not of the period.
- **Loyalty**: the part of the period that went to its ten favourite artists.
- **Decades**: by the release date of the album that was played, so a re-issue counts as new music.
""")
