"""Altair charts along an axis of time or names: bars, and the ranks of artists. Texts of tooltips are made here."""

from collections.abc import Iterable
from typing import Any

import altair as alt
import pandas as pd

import humanize
from theme import Colours

WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_STEP_FORMATS = {"day": "%-d %b", "week": "%-d %b", "month": "%b %Y"}
Chart = Any
"""A chart or layers of them: Altair types its own chained methods as Any."""
_HOURS_FROM_MINUTES = 600
LOWEST_RANK = 15
"""Of the bump chart: one bad month would flatten the rest."""
BUMP_SHAPES = {"circle": "●", "square": "■", "triangle-up": "▲", "diamond": "◆", "cross": "✚", "triangle-down": "▼"}
"""Vega's marks and the characters that look like them in the legend."""


def trend(frame: pd.DataFrame, by: str, colours: Colours) -> Chart:
    """Bars of this period before pale, wider bars of the one before; days that may have holes are outlined."""
    step = frame.attrs["step"]
    data = _with_steps(frame).assign(
        Now=[humanize.amount(value, by) for value in frame["value"]],
        Before=[_before(row, by, step) for row in frame.to_dict("records")],
    )
    data, unit = _in_unit(data, by, "value", "previous")
    data["outline"] = max(1.0, float(data[["value", "previous"]].max().max() or 0))
    data.attrs.clear()  # Streamlit sends them as JSON, which has no Period
    x = alt.X("label:O", title=None, axis=step_axis(list(data["label"]), step), scale=alt.Scale(padding=0.02))
    title = f"{unit} per {step}"
    base = alt.Chart(data).encode(x=x, tooltip=["When", "Now", "Before"])
    behind = base.mark_bar(color=colours.pale, width={"band": 0.96}).encode(y=alt.Y("previous:Q", title=title))
    front = base.mark_bar(color=colours.primary, width={"band": 0.5}, cornerRadiusEnd=2).encode(
        y=alt.Y("value:Q", title=title), opacity=_paler_while_partial()
    )
    holes = base.transform_filter("datum.is_gap").mark_bar(
        fillOpacity=0, stroke=colours.warning, strokeDash=[3, 2], strokeWidth=1.5, width={"band": 0.96}
    )
    # A layer without marks would be read out as a picture without a name.
    pale = [behind] if data["previous"].notna().any() else []
    outlines = [holes.encode(y="outline:Q")] if frame["is_gap"].any() else []
    return alt.layer(*pale, front, *outlines).properties(height=260)


def shares_by_hour(frame: pd.DataFrame, colours: Colours) -> Chart:
    data = frame.assign(Hour=[humanize.hour_span(hour) for hour in frame["hour"]], Share=frame["share"].map(_percent))
    x = alt.X("hour:O", title=None, axis=hour_axis())
    y = alt.Y("share:Q", title="Share of listening", axis=alt.Axis(format="%", tickCount=4))
    return _plain(data, colours, x, y, ["Hour", "Share"], 260, width={"band": 0.75})


def averages_by_weekday(frame: pd.DataFrame, by: str, colours: Colours) -> Chart:
    """A weekday that did not occur has no bar, not one of no length."""
    known = frame.dropna(subset="value")
    data = known.assign(
        Day=[WEEKDAYS[day] for day in known["weekday"]],
        Average=[humanize.average(value, by) for value in known["value"]],
    )
    data, unit = _in_unit(data, by, "value")
    x = alt.X("value:Q", title=f"{unit} on an average day", axis=alt.Axis(tickCount=4))
    names = alt.Axis(labelOverlap=False, ticks=False, domain=False)
    y = alt.Y("Day:O", sort=WEEKDAYS, scale=alt.Scale(domain=WEEKDAYS), title=None, axis=names)
    return _plain(data, colours, x, y, ["Day", "Average"], 260, height={"band": 0.7})


def shares(frame: pd.DataFrame, name: str, colours: Colours, **options: Any) -> Chart:
    """As `bars`, of the column share."""
    return bars(frame, name, "share", colours, title="Share of listening", form="%", **options)


def bars(
    frame: pd.DataFrame,
    name: str,
    value: str,
    colours: Colours,
    title: str,
    *,
    form: str = ",~f",
    text: str | None = None,
    height: int = 240,
    named: list[str] | None = None,
) -> Chart:
    """Plain bars in the frame's own order. `form` is of the numbers on the axis, `text` a column for the tooltip.

    `named`: the bars that have a name.
    """
    shown = [str(item) for item in frame[name]]
    tip = frame[text] if text else frame[value].map(_percent)
    data = pd.DataFrame({"name": shown, "value": frame[value].astype(float), "Value": tip})
    longest = max((len(name) for name in shown), default=1)
    every = max(1, -(-len(shown) // (12 if longest < 6 else 5)))
    # A name of two words stands in two lines. labelFlush of Streamlit's theme moves the first one to the right.
    axis = alt.Axis(
        values=named or shown[::every],
        labelExpr="split(datum.label, ' ')",
        labelAngle=0,
        ticks=False,
        labelOverlap="greedy",
        labelFlush=False,
    )
    x = alt.X("name:O", sort=shown, title=None, axis=axis)
    y = alt.Y("value:Q", title=title, axis=alt.Axis(tickCount=4, format=form))
    tooltip = [alt.Tooltip("name", title=" "), alt.Tooltip("Value", title=title)]
    return _plain(data, colours, x, y, tooltip, height, width={"band": min(0.75, 0.15 * len(shown))})


def months(frame: pd.DataFrame, by: str, colours: Colours) -> Chart:
    """Bars per month: columns month_on, value."""
    on = pd.to_datetime(frame["month_on"])
    form = "%b" if on.dt.year.nunique() <= 1 else "%b %Y"
    data = pd.DataFrame(
        {
            "month": on.dt.strftime(form),
            "value": frame["value"],
            "text": [humanize.amount(v, by) for v in frame["value"]],
        }
    )
    data, unit = _in_unit(data, by, "value")
    named = januaries(list(data["month"]), on.dt.month)
    return bars(data, "month", "value", colours, unit, text="text", height=260, named=named)


def new_and_known(frame: pd.DataFrame, by: str, colours: Colours) -> Chart:
    """The frame of `discoveries.new_and_known`, stacked: the part that was new in colour at the bottom."""
    step = frame.attrs["step"]
    data = _with_steps(frame).assign(
        Listened=[humanize.amount(value, by) for value in frame["value"]],
        Share=frame["share"].map(humanize.percent),
        order=(frame["kind"] != "New").astype(int),
    )
    data, unit = _in_unit(data, by, "value")
    scale = alt.Scale(domain=["New", "Known"], range=[colours.primary, colours.pale])
    return (
        alt.Chart(data)
        .mark_bar(stroke=colours.muted, strokeWidth=1, width={"band": 0.8})
        .encode(
            x=alt.X("label:O", title=None, axis=step_axis(sorted(set(data["label"])), step)),
            y=alt.Y("value:Q", title=f"{unit} per {step}"),
            color=alt.Color("kind:N", scale=scale, legend=None),
            order="order:O",
            opacity=_paler_while_partial(),
            tooltip=["When", alt.Tooltip("kind", title="Artists"), "Listened", "Share"],
        )
        .properties(height=240)
    )


def overlap(frame: pd.DataFrame, colours: Colours) -> Chart:
    """The frame of `together.overlap`: a bar per step, none where a listener played nothing."""
    step, every = frame.attrs["step"], _with_steps(frame)
    labels = list(every["label"])
    data = every.dropna(subset="share").assign(Overlap=lambda known: known["share"].map(_percent))
    x = alt.X("label:O", title=None, axis=step_axis(labels, step), scale=alt.Scale(domain=labels))
    y = alt.Y("share:Q", title=f"Overlap per {step}", axis=alt.Axis(format="%", tickCount=4))
    chart = _plain(data, colours, x, y, ["When", "Overlap"], 240, width={"band": min(0.8, 0.15 * len(labels))})
    return chart.encode(opacity=_paler_while_partial())


def bump(frame: pd.DataFrame, colours: Colours) -> Chart:
    """Month × rank of at most six artists, 1 on top; the legend is `legend_of_bump`. Two can have one name."""
    data = frame.assign(
        label=pd.to_datetime(frame["month_on"]).dt.strftime("%Y-%m-%d"),
        Month=pd.to_datetime(frame["month_on"]).dt.strftime("%B %Y"),
        shown=frame["rank"].clip(upper=LOWEST_RANK),
    )
    labels = sorted(set(data["label"]))
    keys = list(frame["artist_key"].unique())
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
        color=alt.Color("artist_key:N", scale=alt.Scale(domain=keys, range=list(colours.categorical[:6])), legend=None),
        shape=alt.Shape("artist_key:N", scale=alt.Scale(domain=keys, range=list(BUMP_SHAPES)), legend=None),
        tooltip=["Month", alt.Tooltip("artist_name", title="Artist"), alt.Tooltip("rank", title="Rank")],
    )
    return alt.layer(
        base.mark_line(strokeWidth=2, interpolate="linear").encode(shape=alt.ShapeValue("circle")),
        base.mark_point(filled=True, size=70, opacity=1),
    ).properties(height=260)


def legend_of_bump(frame: pd.DataFrame, colours: Colours) -> list[tuple[str, str, str, str]]:
    """For `markup.legend`: names that a chart's own legend would cut."""
    names = frame.drop_duplicates("artist_key")["artist_name"]
    marks = zip(names, BUMP_SHAPES.values(), colours.categorical, strict=False)
    return [(artist, "transparent", glyph, colour) for artist, glyph, colour in marks]


def _plain(
    data: pd.DataFrame, colours: Colours, x: alt.X, y: alt.Y, tooltip: list[Any], tall: int, **size: Any
) -> Chart:
    """Bars of one colour; `size` is how thick they are."""
    bars = alt.Chart(data).mark_bar(color=colours.primary, cornerRadiusEnd=2, **size)
    return bars.encode(x=x, y=y, tooltip=tooltip).properties(height=tall)


def _in_unit(frame: pd.DataFrame, by: str, *columns: str) -> tuple[pd.DataFrame, str]:
    """Minutes become hours on an axis that would have four-digit numbers."""
    most = frame[list(columns)].max().max()
    if by != "Minutes" or pd.isna(most) or most < _HOURS_FROM_MINUTES:
        return frame, by
    return frame.assign(**{column: frame[column] / 60 for column in columns}), "Hours"


def hour_axis() -> alt.Axis:
    """A name every three hours, every six where there is no room, each below the middle of its hour."""
    name = "(datum.value < 10 ? '0' : '') + datum.value + ':00'"
    return alt.Axis(
        values=list(range(0, 24, 3)),
        labelExpr=name,
        labelAngle=0,
        ticks=False,
        domain=False,
        labelOverlap="parity",
        labelFlush=False,
    )


def step_axis(labels: list[str], step: str) -> alt.Axis:
    """The axis of days, weeks or months."""
    form = f"utcFormat(utcParse(datum.label,'%Y-%m-%d'),'{_STEP_FORMATS[step]}')"
    form = f"split({form}, ' ')" if step == "month" else form
    named = januaries(labels, [int(label[5:7]) for label in labels]) if step == "month" else None
    return alt.Axis(
        values=named or about_six(labels),
        labelExpr=form,
        labelAngle=0,
        ticks=False,
        labelOverlap="greedy",
        labelBound=True,
    )


def januaries(labels: list[str], months: Iterable[int]) -> list[str] | None:
    """Of more than two years of months, of which some may be missing, up to five Januaries that have a name.

    None of fewer months, and where fewer than two are Januaries.
    """
    found = [label for label, month in zip(labels, months, strict=True) if month == 1]
    return found[:: -(-len(found) // 5)] if len(labels) > 24 and len(found) > 1 else None


def about_six(labels: list[str]) -> list[str]:
    """Those of an axis that have a name, so that none is cut on a phone."""
    every = max(1, -(-len(labels) // 6))
    return labels[every // 2 :: every]


def _with_steps(frame: pd.DataFrame) -> pd.DataFrame:
    """With a label for the axis and a name for the tooltip of the day, week or month that begins `step_on`."""
    rows = frame.to_dict("records")
    names = [f"{_step_name(row['step_on'], frame.attrs['step'])}{_note(row)}" for row in rows]
    return frame.assign(label=frame["step_on"].dt.strftime("%Y-%m-%d"), When=names)


def _step_name(on: Any, step: str) -> str:
    stamp = pd.Timestamp(on)
    if step == "month":
        return f"{stamp:%B %Y}"
    return humanize.weekday_day(stamp) if step == "day" else f"week of {humanize.day(stamp)}"


def _before(row: dict[Any, Any], by: str, step: str) -> str:
    if pd.isna(row["previous"]) or pd.isna(row["previous_on"]):
        return "–"
    return f"{humanize.amount(row['previous'], by)} ({_step_name(row['previous_on'], step)})"


def _percent(share: float) -> str:
    return humanize.percent(share, 1)


def _note(row: dict[Any, Any]) -> str:
    notes = ["not over yet"] if row["is_partial"] else []
    notes += ["plays may be missing"] if row.get("is_gap") else []
    return f" ({', '.join(notes)})" if notes else ""


def _paler_while_partial() -> Any:
    return alt.condition("datum.is_partial", alt.value(0.6), alt.value(1))
