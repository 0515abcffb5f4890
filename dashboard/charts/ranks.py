"""Altair bump chart: the ranks of a few artists over the months of a year."""

import altair as alt
import pandas as pd

from charts.bars import Chart
from theme import Colours

LOWEST_RANK = 15
"""Of the bump chart: one bad month would flatten the rest."""
BUMP_SHAPES = {"circle": "●", "square": "■", "triangle-up": "▲", "diamond": "◆", "cross": "✚", "triangle-down": "▼"}
"""Vega's marks and the characters that look like them in the legend."""


def bump(frame: pd.DataFrame, colours: Colours) -> Chart:
    """Month × rank of at most six artists, 1 on top; the legend is `legend_of_bump`."""
    data = frame.assign(
        label=pd.to_datetime(frame["month_on"]).dt.strftime("%Y-%m-%d"),
        Month=pd.to_datetime(frame["month_on"]).dt.strftime("%B %Y"),
        artist=frame["artist_name"],
        shown=frame["rank"].clip(upper=LOWEST_RANK),
    )
    labels = sorted(set(data["label"]))
    artists = _bump_artists(frame)
    months_axis = alt.Axis(labelExpr="utcFormat(utcParse(datum.label,'%Y-%m-%d'),'%b')", labelAngle=0, ticks=False)
    lowest = f"datum.value == {LOWEST_RANK} ? '{LOWEST_RANK}+' : datum.value"
    base = alt.Chart(data).encode(
        x=alt.X("label:O", title=None, scale=alt.Scale(domain=labels), axis=months_axis),
        y=alt.Y(
            "shown:Q",
            title="Rank",
            scale=alt.Scale(reverse=True, domain=[1, LOWEST_RANK], nice=False, zero=False),
            axis=alt.Axis(values=[1, 5, 10, LOWEST_RANK], labelExpr=lowest),
        ),
        color=alt.Color("artist:N", scale=alt.Scale(domain=artists, range=list(colours.categorical[:6])), legend=None),
        shape=alt.Shape("artist:N", scale=alt.Scale(domain=artists, range=list(BUMP_SHAPES)), legend=None),
        tooltip=["Month", alt.Tooltip("artist", title="Artist"), alt.Tooltip("rank", title="Rank")],
    )
    return alt.layer(
        base.mark_line(strokeWidth=2, interpolate="linear").encode(shape=alt.ShapeValue("circle")),
        base.mark_point(filled=True, size=70, opacity=1),
    ).properties(height=260)


def legend_of_bump(frame: pd.DataFrame, colours: Colours) -> list[tuple[str, str, str, str]]:
    """For `markup.legend`: names that a chart's own legend would cut."""
    marks = zip(_bump_artists(frame), BUMP_SHAPES.values(), colours.categorical, strict=False)
    return [(artist, "transparent", glyph, colour) for artist, glyph, colour in marks]


def _bump_artists(frame: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(frame["artist_name"]))
