"""The calendar of a year with its sentence and legend, for the pages When and Year."""

import pandas as pd
import streamlit as st

import humanize
from analysis import days
from analysis.periods import local_day
from charts import heat_maps
from components import markup, page_frame
from components.page_frame import Listening


def draw(page: Listening, year: int) -> None:
    calendar = days.calendar(page.everything, year, page.by, page.unknown, page.filters.zone, page.now)
    busiest = days.busiest_day(page.everything[page.everything["wall"].dt.year == year], page.by)
    past, with_music = int(_is_known(page, calendar).sum()), int((calendar["value"] > 0).sum())
    said = f"{with_music:,} of {humanize.counted(past, 'day')} had music."
    if busiest:
        said = (
            f"Busiest day: **{humanize.weekday_day(busiest.day)}** ({humanize.amount(busiest.value, page.by)}). {said}"
        )
    st.markdown(said)
    chart = heat_maps.calendar(calendar, page.by, page.colours)
    st.altair_chart(chart, alt=page_frame.alt_text(f"Calendar of {year}.", said))
    most, has_gaps = f"{heat_maps.heat_top(calendar):,.0f}", bool(calendar["is_gap"].any())
    st.html(markup.heat_scale(most, f"{page.by.lower()} in a day, or more", page.colours, with_gaps=has_gaps))


def _is_known(page: Listening, calendar: pd.DataFrame) -> pd.Series:
    """The days that have begun, from that of the first play on."""
    oldest_at, is_future = page.history.oldest_at, calendar["is_future"].astype(bool)
    if oldest_at is None:
        return ~is_future
    return ~is_future & (calendar["day"] >= pd.Timestamp(local_day(oldest_at, page.filters.zone)))
