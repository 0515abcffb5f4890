"""Frame → Altair chart, for the runs of the pipeline."""

import altair as alt
import pandas as pd

import words
from charts import Chart
from pipeline_grid import GLYPHS, STATES
from theme import Colours

STEP_NAMES = {"ingest": "ingest", "load": "load", "transform": "start Spark", "top_tracks": "top ten (Spark)"}


def run_grid(frame: pd.DataFrame, zone: str, colours: Colours) -> Chart:
    """Hour × step; the state is told by colour and by glyph, which goes when cells become too narrow for it."""
    wall = frame["slot"].dt.tz_convert(zone)
    data = frame.assign(
        label=frame["slot"].dt.strftime("%Y-%m-%dT%H"),
        Step=frame["step"].map(STEP_NAMES),
        Hour=[words.moment(at) for at in wall],
        State=frame["state"],
        Seconds=[f"{value:,.0f} s" if pd.notna(value) else "–" for value in frame["seconds"]],
        Rows=[f"{value:,} new rows" if pd.notna(value) else "–" for value in frame["rows_new"]],
        Reason=frame["reason"].fillna(""),
        ink=frame["state"].map(colours.on_state),
    ).drop(columns=["slot", "started_at", "finished_at"])
    hours = dict(zip(data["label"], wall.dt.strftime("%a %H:%M"), strict=True))
    shown = _every_sixth(dict(zip(data["label"], wall.dt.hour, strict=True)))
    names = ",".join(f"'{label}':'{hours[label]}'" for label in shown)
    axis = alt.Axis(
        values=shown, labelExpr=f"{{{names}}}[datum.value]", labelAngle=0, domain=False, labelOverlap="greedy"
    )
    base = alt.Chart(data).encode(
        x=alt.X("label:O", title=None, axis=axis, scale=alt.Scale(paddingInner=0.1)),
        y=alt.Y(
            "Step:O",
            sort=list(STEP_NAMES.values()),
            title=None,
            scale=alt.Scale(paddingInner=0.14),
            axis=alt.Axis(labelOverlap=False, ticks=False, domain=False),
        ),
        tooltip=["Hour", "Step", "State", "Seconds", "Rows", "Reason"],
    )
    scale = alt.Scale(domain=list(STATES), range=[colours.states[state] for state in STATES])
    cells = base.mark_rect(cornerRadius=3).encode(color=alt.Color("state:N", scale=scale, legend=None))
    size = alt.ExprRef("bandwidth('x') < 9 ? 0 : 12")
    glyphs = base.mark_text(fontSize=size, fontWeight=700, baseline="middle").encode(
        text="glyph:N", color=alt.Color("ink:N", scale=None)
    )
    return alt.layer(cells, glyphs).properties(height=230)


def legend_of_states(colours: Colours) -> list[tuple[str, str, str, str]]:
    """For `rows.legend`."""
    return [(state, colours.states[state], GLYPHS[state], colours.on_state[state]) for state in STATES]


def plays_per_run(frame: pd.DataFrame, zone: str, limit: int, colours: Colours) -> Chart:
    """New plays of each run; where a listener's bar reaches the line, plays may be lost."""
    wall = frame["slot"].dt.tz_convert(zone)
    data = frame.assign(label=frame["slot"].dt.strftime("%Y-%m-%dT%H"), Hour=[words.moment(at) for at in wall]).drop(
        columns="slot"
    )
    hours = dict(zip(data["label"], wall.dt.strftime("%a %H:%M"), strict=True))
    shown = _every_sixth(dict(zip(data["label"], wall.dt.hour, strict=True)))
    names = ",".join(f"'{label}':'{hours[label]}'" for label in shown)
    axis = alt.Axis(
        values=shown, labelExpr=f"{{{names}}}[datum.value]", labelAngle=0, labelOverlap="greedy", ticks=False
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


def _every_sixth(hours: dict[str, int]) -> list[str]:
    """The labels at 0, 6, 12 and 18 o'clock; only midnights when there are many."""
    step = 6 if len(hours) <= 30 else 12 if len(hours) <= 50 else 24
    return [label for label, hour in hours.items() if hour % step == 0]
