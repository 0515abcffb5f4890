"""Altair chart of new plays per run, and the legend of the grid of runs."""

from collections.abc import Set as AbstractSet

import altair as alt
import pandas as pd

import humanize
from charts.bars import Chart, about_six
from pipeline.ledger import UNREADABLE
from pipeline.run_hours import GLYPHS, STATES
from theme import Colours


def legend_of_states(colours: Colours, shown: AbstractSet[str]) -> list[tuple[str, str, str, str]]:
    """For `markup.legend`: every state of the pipeline's own, and `unreadable` where it is shown."""
    states = [state for state in STATES if state != UNREADABLE or state in shown]
    return [(state, colours.states[state], GLYPHS[state], colours.on_state[state]) for state in states]


def plays_per_run(frame: pd.DataFrame, zone: str, limit: int, colours: Colours) -> Chart:
    """New plays of each run; where a listener's bar reaches the line, plays may be lost."""
    wall = frame["slot"].dt.tz_convert(zone)
    # To the second: `run-now` adds runs between those of the hours.
    labels = frame["slot"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    data = frame.assign(label=labels, Hour=[humanize.moment(at) for at in wall]).drop(columns="slot")
    # Names at 0, 6, 12 and 18 o'clock, with many bars at midnight; about six where fewer than two runs come then.
    step = 6 if len(data) <= 30 else 12 if len(data) <= 50 else 24
    named = list(data["label"][(wall.dt.hour % step == 0).to_numpy()])
    if len(named) < 2:
        named = about_six(list(data["label"]))
    names = ",".join(
        f"'{label}':'{at:%a %H:%M}'" for label, at in zip(data["label"], wall, strict=True) if label in named
    )
    axis = alt.Axis(
        values=named, labelExpr=f"{{{names}}}[datum.value]", labelAngle=0, labelOverlap="greedy", ticks=False
    )
    bars = (
        alt.Chart(data)
        .mark_bar(cornerRadiusEnd=2, width={"band": 0.8})
        .encode(
            x=alt.X("label:O", title=None, axis=axis),
            y=alt.Y("new:Q", title="New plays", scale=alt.Scale(domain=[0, limit * 1.1]), axis=alt.Axis(tickCount=5)),
            color=alt.condition("datum.at_limit", alt.value(colours.warning), alt.value(colours.primary)),
            tooltip=["Hour", alt.Tooltip("fetched", title="On Spotify's page"), alt.Tooltip("new", title="New")],
        )
    )
    line = alt.Chart(pd.DataFrame({"limit": [limit]})).mark_rule(
        color=colours.warning, strokeDash=[5, 3], strokeWidth=1.5
    )
    return alt.layer(bars, line.encode(y="limit:Q")).properties(height=230)
