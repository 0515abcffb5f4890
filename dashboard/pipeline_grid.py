"""The ledger as a grid of hours and steps, with what the ledger cannot say by itself: running, not run, missing.

A step writes its row when it ends. So an hour without a row is waiting, then missing; a step whose predecessor did
its work is running, then missing; and one whose predecessor had nothing for it, or failed, was not run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

STEPS = ("ingest", "load", "transform", "top_tracks")
STATES = ("succeeded", "skipped", "running", "failed", "not run", "missing", "waiting")
GLYPHS = {
    "succeeded": "✓",
    "skipped": "–",
    "running": "…",
    "failed": "✕",
    "not run": "·",
    "missing": "?",
    "waiting": "",
}

HOUR = timedelta(hours=1)
ALLOWED = {
    "ingest": timedelta(minutes=15),
    "load": timedelta(minutes=30),
    "transform": timedelta(minutes=30),
    "top_tracks": timedelta(minutes=45),
}
"""How long a step may take, retries included, before its row counts as missing. A batch is stopped after 30 minutes."""

_WAITED_FOR = {"ingest": "the schedule", "load": "the file", "transform": "the message", "top_tracks": "the batch"}


@dataclass(frozen=True)
class Cell:
    """What is known of one step of one hour."""

    state: str
    reason: str
    run_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    rows_new: int | None = None


def grid(runs: pd.DataFrame, now: datetime, hours: int = 24) -> pd.DataFrame:
    """A row per hour and step, the oldest hour first.

    slot (UTC), step, state, glyph, reason, run_id, started_at, finished_at, seconds, rows_new.
    """
    runs = scheduled(runs)
    newest = newest_rows(runs[runs["slot"] >= slots(now, hours)[0]])
    first_slot = runs["slot"].min() if len(runs) else None
    rows = []
    for slot in slots(now, hours):
        cells: dict[str, Cell] = {}
        for step in STEPS:
            cells[step] = _cell(newest.get((slot, step)), step, slot, cells, now, first_slot)
            rows.append({"slot": slot, "step": step, **vars(cells[step])})
    frame = pd.DataFrame(rows)
    seconds = (
        pd.to_datetime(frame["finished_at"], utc=True) - pd.to_datetime(frame["started_at"], utc=True)
    ).dt.total_seconds()
    return frame.assign(glyph=frame["state"].map(GLYPHS), seconds=seconds, rows_new=frame["rows_new"].astype("Int64"))


def scheduled(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of all runs but those of an import, which no hour is waiting for."""
    imports = runs.loc[runs["step"] == "import", "run_id"]
    return runs[~runs["run_id"].isin(imports)]


def slots(now: datetime, hours: int) -> list[datetime]:
    """The last hours that the schedule has begun, the oldest first."""
    newest = full_hour(now)
    return [newest - n * HOUR for n in reversed(range(hours))]


def full_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def attempts(runs: pd.DataFrame, slot: datetime, step: str) -> pd.DataFrame:
    """Every row that the ledger has of one cell, the first one first."""
    hours = runs["slot"].dt.floor("h")
    mine = runs[(hours == pd.Timestamp(slot)) & (runs["step"] == step)]
    return mine.sort_values("finished_at", kind="stable", ignore_index=True)


def newest_rows(runs: pd.DataFrame) -> dict[tuple[datetime, str], Mapping[str, Any]]:
    """How each step of each hour stands: the row that was finished last. A run by hand stands in its hour."""
    ordered = runs.sort_values("finished_at", kind="stable")
    return {(full_hour(row["slot"].to_pydatetime()), row["step"]): row for row in ordered.to_dict("records")}


def _cell(
    row: Mapping[str, Any] | None,
    step: str,
    slot: datetime,
    before: Mapping[str, Cell],
    now: datetime,
    first_slot: pd.Timestamp | None,
) -> Cell:
    if row is not None:
        return _recorded(row)
    if first_slot is None or slot < full_hour(first_slot.to_pydatetime()):
        return Cell("not run", "Before the first run.")
    if step == "ingest":
        return _without_row(step, slot, now, is_started=False)
    return _after(step, before[STEPS[STEPS.index(step) - 1]], slot, now)


def _after(step: str, earlier: Cell, slot: datetime, now: datetime) -> Cell:
    """A step without a row, told by the step before it."""
    if earlier.state in ("waiting", "running"):
        return Cell("waiting", "The step before it is not finished.", earlier.run_id)
    if earlier.state == "missing":
        return Cell("missing", "No record, and none of the step before it.")
    if earlier.state != "succeeded" or not _leads_on(step, earlier):
        return Cell("not run", _why_not_run(earlier), earlier.run_id)
    return _without_row(step, earlier.finished_at or slot, now, is_started=True)


def _leads_on(step: str, earlier: Cell) -> bool:
    """A load that added nothing publishes nothing."""
    return step != "transform" or earlier.rows_new != 0


def _why_not_run(earlier: Cell) -> str:
    return "The step before it failed." if earlier.state == "failed" else "The step before it had nothing for it."


def _without_row(step: str, since: datetime, now: datetime, *, is_started: bool) -> Cell:
    if now - since <= ALLOWED[step]:
        return Cell("running" if is_started else "waiting", f"Waiting for {_WAITED_FOR[step]}.")
    return Cell("missing", "No record of it, although it was due.")


def _recorded(row: Mapping[str, Any]) -> Cell:
    rows_new = row["rows_new"]
    return Cell(
        state=row["state"],
        reason=row["reason"] if isinstance(row["reason"], str) else "",
        run_id=row["run_id"],
        started_at=row["started_at"].to_pydatetime(),
        finished_at=row["finished_at"].to_pydatetime(),
        rows_new=None if pd.isna(rows_new) else int(rows_new),
    )
