"""The calendar of one year with its sentence and its legend, as two pages show it."""

import pandas as pd
import streamlit as st

import charts_heat
import days
import frame
import rows
import words
from frame import Listening
from periods import local_day


def draw(page: Listening, year: int) -> None:
    calendar = days.calendar(page.everything, year, page.by, page.unknown, page.filters.zone, page.now)
    busiest = days.busiest_day(page.everything[page.everything["wall"].dt.year == year], page.by)
    past, with_music = int(_is_known(page, calendar).sum()), int((calendar["value"] > 0).sum())
    said = f"{with_music:,} of {words.counted(past, 'day')} had music."
    if busiest:
        said = f"Busiest day: **{words.weekday_day(busiest.day)}** ({words.amount(busiest.value, page.by)}). {said}"
    st.markdown(said)
    chart = charts_heat.calendar(calendar, page.by, page.colours)
    st.altair_chart(chart, alt=frame.alt_text(f"Calendar of {year}.", said))
    most, has_gaps = f"{charts_heat.heat_top(calendar):,.0f}", bool(calendar["is_gap"].any())
    st.html(rows.heat_scale(most, f"{page.by.lower()} in a day, or more", page.colours, with_gaps=has_gaps))


def _is_known(page: Listening, calendar: pd.DataFrame) -> pd.Series:
    """The days that have begun, from that of the first play on."""
    oldest_at, is_future = page.history.oldest_at, calendar["is_future"].astype(bool)
    if oldest_at is None:
        return ~is_future
    return ~is_future & (calendar["day"] >= pd.Timestamp(local_day(oldest_at, page.filters.zone)))
