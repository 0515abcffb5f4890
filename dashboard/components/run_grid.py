"""The grid of runs: a button per hour and step, which a mouse, a finger and a keyboard can open.

Not a chart: a mark in a chart can be neither reached with the Tab key nor read by a screen reader. The newest hour is
at the right end, on a phone on top. More than a day takes several rows, so that nothing is cut off.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

import humanize
from pipeline.run_hours import STEP_NAMES, STEPS
from theme import Colours

_HOURS_IN_ROW = 24
_HOUR = "%Y-%m-%dT%H"

_SCRIPT = """
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".hr-runs-root")
  // Drawn again every minute: what did not change keeps the focus and the place it was scrolled to.
  if (root.dataset.drawn !== data.html) {
    root.innerHTML = data.html
    root.dataset.drawn = data.html
  }
  root.onclick = (event) => {
    const cell = event.target.closest("button")
    if (cell) setTriggerValue("opened", cell.value)
  }
}
"""

_mount = st.components.v2.component(
    "run_grid", html="<div class='hr-runs-root'>\n</div>", js=_SCRIPT, isolate_styles=False
)


class CellKey(NamedTuple):
    """Which cell: the hour (UTC) in which its run was due, and the step. No two runs are due in an hour."""

    slot: datetime
    step: str

    def __str__(self) -> str:
        return f"{self.slot.astimezone(UTC):{_HOUR}}.{self.step}"


def to_cell_key(text: str | None) -> CellKey | None:
    """The key in the URL, which is untrusted; None when it is none."""
    hour, _, step = (text or "").partition(".")
    try:
        slot = datetime.strptime(hour, _HOUR).replace(tzinfo=UTC)
    except ValueError:
        return None
    return CellKey(slot, step) if step in STEPS else None


def draw(cells: pd.DataFrame, zone: str, colours: Colours, alt: str) -> CellKey | None:
    """The frame of `run_hours.grid`, drawn; the cell that was opened just now."""
    result: Any = _mount(
        data={"html": grid_html(cells, zone, colours, alt)}, key="run_grid", on_opened_change=lambda: None
    )
    return to_cell_key(result.opened)


def grid_html(cells: pd.DataFrame, zone: str, colours: Colours, alt: str) -> str:
    """`alt` is the text alternative for screen readers."""
    apart, slots = cells["slot"].drop_duplicates().sort_values().diff().min(), cells.groupby("slot", sort=True)
    hours = [_hour(hour.to_dict("records"), zone, colours, apart) for _, hour in slots][::-1]
    rows = "".join(_row(hours[newest : newest + _HOURS_IN_ROW]) for newest in range(0, len(hours), _HOURS_IN_ROW))
    return f'<div class="hr-runs" role="group" aria-label="{escape(alt, quote=True)}">{rows}</div>'


def _row(hours: Iterable[str]) -> str:
    names = "".join(f"<span>{escape(STEP_NAMES[step])}</span>" for step in STEPS)
    return (
        f'<div class="hr-runs-row"><div class="hr-runs-steps" aria-hidden="true"><span></span>{names}</div>'
        f'<div class="hr-runs-hours">{"".join(hours)}</div></div>'
    )


def _hour(cells: Iterable[dict[Any, Any]], zone: str, colours: Colours, apart: pd.Timedelta) -> str:
    """The first column of every six hours has a name; columns are `apart` from each other."""
    drawn = list(cells)
    wall = pd.Timestamp(drawn[0]["slot"]).tz_convert(zone)
    is_later = pd.Timedelta(hours=wall.hour % 6, minutes=wall.minute) >= apart
    name = f"<i>{wall:%H:%M}</i>" if is_later else f"{wall:%a} <br>{wall:%H:%M}"
    buttons = "".join(_button(cell, humanize.moment(wall), colours) for cell in drawn)
    return f'<div class="hr-runs-hour"><span aria-hidden="true">{name}</span>{buttons}</div>'


def _button(cell: dict[Any, Any], when: str, colours: Colours) -> str:
    state = cell["state"]
    label = f"{when}, {STEP_NAMES[cell['step']]}: {state}"
    new = "" if pd.isna(cell["rows_new"]) else f"{int(cell['rows_new']):,} new"
    tip = ". ".join(part for part in (label, new, str(cell["reason"] or "")) if part)
    key = CellKey(pd.Timestamp(cell["slot"]).to_pydatetime(), cell["step"])
    return (
        f'<button type="button" value="{key}" title="{escape(tip, quote=True)}" '
        f'aria-label="{escape(label, quote=True)}" '
        f'style="background:{colours.states[state]};color:{colours.on_state[state]}">{escape(cell["glyph"])}</button>'
    )
