"""Altair heat maps: the hours of the week and the days of a year. Legends: `markup.heat_scale`."""

from calendar import month_abbr

import altair as alt
import pandas as pd

import humanize
from charts.bars import WEEKDAYS, Chart, hour_axis
from theme import Colours


def clock(frame: pd.DataFrame, by: str, colours: Colours) -> Chart:
    """Hour × weekday."""
    data = frame.assign(
        Day=[WEEKDAYS[day] for day in frame["weekday"]],
        Hour=[humanize.hour_span(hour) for hour in frame["hour"]],
        Average=[humanize.average(value, by) for value in frame["value"]],
    )
    return (
        alt.Chart(data)
        .mark_rect(cornerRadius=3)
        .encode(
            x=alt.X("hour:O", title=None, scale=alt.Scale(paddingInner=0.08), axis=hour_axis()),
            y=_weekday_axis(0.1),
            color=_heat(colours, heat_top(frame)),
            tooltip=["Day", "Hour", "Average"],
        )
        .properties(height=270)
    )


def calendar(frame: pd.DataFrame, by: str, colours: Colours) -> Chart:
    """One year, a column a week."""
    data = frame.assign(
        Day=[
            f"{humanize.weekday_day(day)}{' (plays may be missing)' if gap else ''}"
            for day, gap in zip(pd.to_datetime(frame["day"]), frame["is_gap"], strict=True)
        ],
        Listened=[humanize.amount(value, by) for value in frame["value"]],
        weekday_name=[WEEKDAYS[day] for day in frame["weekday"]],
    )
    first_weeks = data.groupby("month")["week"].nth(6)
    names = {int(week): month_abbr[month] for month, week in enumerate(first_weeks, start=1)}
    pairs = ",".join(f"'{week}':'{name}'" for week, name in names.items())
    months = alt.Axis(
        values=list(names),
        labelExpr=f"{{{pairs}}}[datum.value]",
        orient="top",
        ticks=False,
        domain=False,
        labelAngle=0,
        labelOverlap=False,
    )
    x = alt.X("week:O", title=None, axis=months, scale=alt.Scale(domain=list(range(54)), paddingInner=0.12))
    base = alt.Chart(data).encode(x=x, y=_weekday_axis(0.12, "weekday_name"), tooltip=["Day", "Listened"])
    nothing = base.mark_rect(cornerRadius=2, fill=colours.nothing, stroke=colours.line, strokeWidth=0.5)
    cells = (
        base.transform_filter("datum.value > 0").mark_rect(cornerRadius=2).encode(color=_heat(colours, heat_top(frame)))
    )
    gaps = base.transform_filter("datum.is_gap").mark_rect(
        cornerRadius=2, fillOpacity=0, stroke=colours.warning, strokeWidth=2
    )
    # A layer without marks would be read out as a picture without a name.
    layers = [
        layer for layer, is_drawn in ((cells, (frame["value"] > 0).any()), (gaps, frame["is_gap"].any())) if is_drawn
    ]
    return alt.layer(nothing, *layers).properties(height=205)


def heat_top(frame: pd.DataFrame) -> float:
    """Where a heat map's colours end. A year's end at the 98th percentile of its days with music: one mad day would
    flatten the rest."""
    if "is_future" not in frame:
        return max(1.0, float(frame["value"].max()))
    values = frame.loc[frame["value"] > 0, "value"]
    return max(1.0, float(values.quantile(0.98))) if len(values) else 1.0


def _heat(colours: Colours, top: float) -> alt.Color:
    return alt.Color(
        "value:Q", scale=alt.Scale(range=list(colours.sequential), clamp=True, domain=[0, top]), legend=None
    )


def _weekday_axis(padding: float, field: str = "Day") -> alt.Y:
    axis = alt.Axis(labelOverlap=False, ticks=False, domain=False)
    return alt.Y(f"{field}:O", sort=WEEKDAYS, title=None, axis=axis, scale=alt.Scale(paddingInner=padding))
