"""Altair charts of audio features: rows, mood map, tempo, trend. No radar: its shape depends on the axes' order."""

from typing import Any, Literal

import altair as alt
import pandas as pd

import humanize
from charts.bars import Chart, shares, step_axis
from theme import Colours

CORNERS: tuple[tuple[str, float, float, Literal["left", "right"]], ...] = (
    ("tense", 0.0, 1.06, "left"),
    ("upbeat", 1.0, 1.06, "right"),
    ("sad", 0.0, -0.06, "left"),
    ("calm, happy", 1.0, -0.06, "right"),
)
"""Outside of what a feature can be, so that no circle covers a word."""


def feature_rows(frame: pd.DataFrame, colours: Colours) -> Chart:
    """Per feature: a band for the middle half, a dot for the period's mean, a tick for all time, words at both ends."""
    data = frame.assign(
        Average=frame["mean"].map("{:.2f}".format),
        Usual=frame["usual"].map("{:.2f}".format),
        Middle=[f"{low:.2f} to {high:.2f}" for low, high in zip(frame["q1"], frame["q3"], strict=True)],
        zero=0.0,
        one=1.0,
    )
    y = alt.Y(
        "name:N",
        sort=list(data["name"]),
        title=None,
        scale=alt.Scale(paddingOuter=0.4),
        axis=alt.Axis(labelOverlap=False, ticks=False, domain=False, labelLimit=120),
    )
    titles = {"name": "Feature", "Average": "This period", "Usual": "All time", "Middle": "Middle half"}
    tips = [alt.Tooltip(column, title=title) for column, title in titles.items()]
    base = alt.Chart(data).encode(y=y, tooltip=tips)
    axis = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f", grid=False, title=None)

    def at(column: str) -> alt.X:
        return alt.X(f"{column}:Q", scale=alt.Scale(domain=[0, 1]), axis=axis)

    words: dict[str, Any] = {"dy": -16, "color": colours.muted, "fontSize": 11}
    return alt.layer(
        base.mark_bar(height=11, cornerRadius=6, color=colours.primary, opacity=0.22).encode(x=at("q1"), x2="q3:Q"),
        base.mark_tick(thickness=3, height=26, color=colours.muted).encode(x=at("usual")),
        base.mark_point(filled=True, size=130, opacity=1, color=colours.primary).encode(x=at("mean")),
        base.mark_text(align="left", **words).encode(x=at("zero"), text="low:N"),
        base.mark_text(align="right", **words).encode(x=at("one"), text="high:N"),
    ).properties(height=50 * len(data) + 40)


def mood_map(frame: pd.DataFrame, colours: Colours) -> Chart:
    """Valence × energy, a circle per track, its size the track's weight."""
    data = frame.assign(Time=frame["minutes"].map(humanize.known_minutes))
    axis = alt.Axis(values=[0, 0.5, 1], grid=False, format=".1~f")
    across, up = alt.Scale(domain=[-0.01, 1.01], nice=False), alt.Scale(domain=[-0.1, 1.1], nice=False)
    points = (
        alt.Chart(data)
        .mark_point(filled=True, opacity=0.55, color=colours.primary)
        .encode(
            x=alt.X("valence:Q", title="sad → happy (valence)", scale=across, axis=axis),
            y=alt.Y("energy:Q", title="calm → intense (energy)", scale=up, axis=axis),
            size=alt.Size("weight:Q", legend=None, scale=alt.Scale(range=[20, 500], domainMin=0)),
            tooltip=[alt.Tooltip("name", title="Track"), alt.Tooltip("artist_name", title="Artist"), "Time"],
        )
    )
    middle = alt.Chart(pd.DataFrame({"at": [0.5]})).mark_rule(strokeDash=[4, 3], color=colours.muted, opacity=0.7)
    return alt.layer(
        middle.encode(y="at:Q"), middle.encode(x="at:Q"), points, *(_corner(*corner, colours) for corner in CORNERS)
    ).properties(height=400)


def tempo(frame: pd.DataFrame, colours: Colours) -> Chart:
    steps = frame.assign(
        bpm=frame["bpm_from"].astype(str),
        text=[
            f"{humanize.percent(share, 1)} at {at} to {at + 4}"
            for at, share in zip(frame["bpm_from"], frame["share"], strict=True)
        ],
    )
    return shares(steps, "bpm", colours, text="text", height=260)


def feature_trend(frame: pd.DataFrame, name: str, colours: Colours) -> Chart:
    """One feature month by month; straight lines, because anything between two months is not known."""
    data = frame.assign(
        label=pd.to_datetime(frame["month_on"]).dt.strftime("%Y-%m-%d"),
        Month=pd.to_datetime(frame["month_on"]).dt.strftime("%B %Y"),
        Average=frame["mean"].map("{:.2f}".format),
    )
    axis = step_axis(list(data["label"]), "month")
    low, high = float(data["mean"].min()), float(data["mean"].max())
    domain = [max(0.0, low - 0.1), min(1.0, high + 0.1)]
    base = alt.Chart(data).encode(
        x=alt.X("label:O", title=None, axis=axis),
        y=alt.Y("mean:Q", title=name, scale=alt.Scale(domain=domain, zero=False), axis=alt.Axis(tickCount=4)),
        tooltip=["Month", "Average"],
    )
    return alt.layer(
        base.mark_line(color=colours.primary, interpolate="linear"),
        base.mark_point(filled=True, size=40, color=colours.primary, opacity=1),
    ).properties(height=260)


def _corner(text: str, x: float, y: float, align: Literal["left", "right"], colours: Colours) -> Chart:
    return (
        alt.Chart(pd.DataFrame({"x": [x], "y": [y], "text": [text]}))
        .mark_text(align=align, fontWeight=600, color=colours.muted, fontSize=13)
        .encode(x="x:Q", y="y:Q", text="text:N")
    )
