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
    plays = page.everything[page.everything["wall"].dt.year == year]
    busiest = days.busiest_day(plays, page.by)
    is_known = ~calendar["is_future"].astype(bool)
    if page.history.oldest_at:
        is_known &= calendar["day"] >= pd.Timestamp(local_day(page.history.oldest_at, page.filters.zone))
    is_known |= calendar["day"].isin(plays["day"])  # a clock that was wrong may have put plays ahead
    past, with_music = int(is_known.sum()), plays["day"].nunique()
    text = f"{with_music:,} of {humanize.counted(past, 'day')} had music."
    if busiest:
        text = (
            f"Busiest day: **{humanize.weekday_day(busiest.day)}** ({humanize.amount(busiest.value, page.by)}). {text}"
        )
    page_frame.answer(text, heat_maps.calendar(calendar, page.by, page.colours), f"Calendar of {year}. {text}")
    most = humanize.counted(round(heat_maps.heat_top(calendar)), page.by[:-1].lower())
    has_gaps = bool(calendar["is_gap"].any())
    st.html(markup.heat_scale(f"{most} in a day, or more", page.colours, with_gaps=has_gaps))
