"""Builds the grid of runs, hour by step, from the ledger; infers what is running, waiting, not run or missing; says as
text how the hours went.

A step writes its row when it ends. So an hour without a row is waiting, then missing; a step whose predecessor did
its work is running, then missing; and one whose predecessor had nothing for it, or failed, was not run. No hour
was due before the first run, nor before the present schedule; one that ran all the same is judged like any other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

import humanize
from pipeline.ledger import UNREADABLE
from pipeline.schedule import HOURLY, Schedule

STEPS = ("ingest", "load", "transform", "top_tracks")
STATES = ("succeeded", "skipped", "running", "failed", "not run", "missing", "waiting", UNREADABLE)
STEP_NAMES = {"ingest": "ingest", "load": "load", "transform": "start Spark", "top_tracks": "top ten (Spark)"}
GLYPHS = {
    "succeeded": "✓",
    "skipped": "–",
    "running": "…",
    "failed": "✕",
    "not run": "·",
    "missing": "?",
    "waiting": "○",
    UNREADABLE: "≠",
}

ALLOWED = {
    "ingest": timedelta(minutes=15),
    "load": timedelta(minutes=30),
    "transform": timedelta(minutes=45),
    "top_tracks": timedelta(minutes=45),
}
"""How long a step may take, retries included, before its row counts as missing. A batch is stopped after 30 minutes,
and transform waits for one that still runs."""

_WAITED_FOR = {"ingest": "the schedule", "load": "the file", "transform": "the message", "top_tracks": "the batch"}
_BAD = ("failed", "missing")
_PAUSED, _NO_LISTENER = "Spotify had asked for a pause", "no listener had given consent"


@dataclass(frozen=True)
class Cell:
    """What is known of one step of one hour. `not_polled`: why ingest polled no listener, when it did not."""

    state: str
    reason: str
    run_id: str | None = None
    finished_at: datetime | None = None
    rows_new: int | None = None
    not_polled: str = ""


@dataclass(frozen=True)
class Hour:
    """What became of one slot of the schedule: a cell for every step."""

    slot: datetime
    cells: Mapping[str, Cell]

    @property
    def bad_step(self) -> str | None:
        """The first step that failed or left no record: what comes after it could not do its work."""
        return next((step for step in STEPS if self.cells[step].state in _BAD), None)

    @property
    def is_good(self) -> bool:
        """Whether a listener was polled, and every step did what there was for it. Not while one is still at work."""
        ingest = self.cells["ingest"]
        is_over = all(cell.state in ("succeeded", "skipped", "not run") for cell in self.cells.values())
        return is_over and ingest.state != "not run" and not ingest.not_polled


@dataclass(frozen=True)
class MissingRuns:
    """A row of hours in which a step was due and left no record: the first and the last of them."""

    step: str
    since: datetime
    last: datetime
    has_recovered: bool = False


def to_frame(hours: Iterable[Hour]) -> pd.DataFrame:
    """A row per hour and step, the oldest hour first.

    slot (UTC), step, state, glyph, reason, run_id, finished_at, rows_new, not_polled.
    """
    cells = [(hour.slot, step, cell) for hour in hours for step, cell in hour.cells.items()]
    frame = pd.DataFrame([{"slot": slot, "step": step, **vars(cell)} for slot, step, cell in cells])
    return frame.assign(glyph=frame["state"].map(GLYPHS), rows_new=frame["rows_new"].astype("Int64"))


def grid_hours(runs: pd.DataFrame, now: datetime, hours: int, schedule: Schedule = HOURLY) -> list[Hour]:
    """The slots of the last hours, the oldest first."""
    runs = scheduled(runs)
    slots = schedule.slots(now, hours)
    newest = _newest_rows(runs[runs["slot"] >= slots[0]], schedule)
    first_slot = schedule.slot_of(runs["slot"].min().to_pydatetime()) if len(runs) else None
    grid: list[Hour] = []
    for slot in slots:
        if first_slot is None or slot < first_slot:
            not_due = "Before the first run."
        elif slot < schedule.since and (slot, "ingest") not in newest:
            not_due = "Before the present schedule."
        else:
            not_due = ""
        grid.append(_hour(slot, newest, now, not_due))
    return grid


def scheduled(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of all runs but those of the owner's commands, which no hour is waiting for."""
    commands = runs.loc[runs["step"].isin(["import", "undo", "repair"]), "run_id"]
    return runs[~runs["run_id"].isin(commands)]


def attempts(runs: pd.DataFrame, slot: datetime, step: str, schedule: Schedule = HOURLY) -> pd.DataFrame:
    """Each outcome that the ledger has of one cell, the first one first."""
    runs, begins = scheduled(runs), pd.Timestamp(slot)
    mine = runs[(runs["slot"] >= begins) & (runs["slot"] < begins + schedule.interval) & (runs["step"] == step)]
    return mine.sort_values("finished_at", kind="stable", ignore_index=True)


def _newest_rows(runs: pd.DataFrame, schedule: Schedule) -> dict[tuple[datetime, str], Mapping[str, Any]]:
    """How each step of each hour stands: the row that was finished last. A run by hand stands in its hour."""
    ordered = runs.sort_values("finished_at", kind="stable")
    return {(schedule.slot_of(row["slot"].to_pydatetime()), row["step"]): row for row in ordered.to_dict("records")}


def not_polled(row: Mapping[Any, Any]) -> str:
    """Why a run of ingest polled no listener; empty when it polled any, or does not say."""
    details = row["details"]
    if row["step"] != "ingest" or row["state"] != "skipped" or details is None or names_any(details):
        return ""
    return _NO_LISTENER if pd.isna(row["blocked_until"]) else _PAUSED


def names_any(details: Mapping[str, Any]) -> bool:
    """Whether a run of ingest names a listener, be it one whom the viewer may not see (access/own_part.py)."""
    return bool(details.get("listeners") or details.get("names_others"))


def find_missing_runs(hours: Iterable[Hour]) -> list[MissingRuns]:
    """A step has recovered when it did its work in a later hour. Of an hour only the first step counts."""
    over: list[MissingRuns] = []
    lasting: dict[str, MissingRuns] = {}
    for hour in hours:
        for step, cell in hour.cells.items():
            if cell.state == "missing" and step == hour.bad_step:
                lasting[step] = replace(lasting.get(step, MissingRuns(step, hour.slot, hour.slot)), last=hour.slot)
            elif cell.state in ("succeeded", "skipped") and not cell.not_polled and step in lasting:
                over.append(replace(lasting.pop(step), has_recovered=True))
    return [*over, *lasting.values()]


def summarise(hours: Sequence[Hour], label: str, noun: str = "hour") -> str:
    """`label` is how long the hours are in all; `noun` is what one of them is called."""
    sentences = (_collected(hours, label, noun), _not_polled(hours, noun), _after_ingest(hours))
    return " ".join(sentence for sentence in sentences if sentence)


def _hour(
    slot: datetime, newest: Mapping[tuple[datetime, str], Mapping[str, Any]], now: datetime, not_due: str
) -> Hour:
    """`not_due`: why no run of it was expected, where none was."""
    cells: dict[str, Cell] = {}
    for step in STEPS:
        row = newest.get((slot, step))
        if row is not None:
            cells[step] = _recorded(row)
        elif not_due:
            cells[step] = Cell("not run", not_due)
        elif step == "ingest":
            cells[step] = _without_row(step, slot, now, is_started=False)
        else:
            cells[step] = _after(step, cells[STEPS[STEPS.index(step) - 1]], slot, now)
    return Hour(slot, cells)


def _after(step: str, earlier: Cell, slot: datetime, now: datetime) -> Cell:
    """A step without a row, judged by the step before it."""
    if earlier.state in ("waiting", "running"):
        return Cell("waiting", "The step before it is not finished.", earlier.run_id)
    if earlier.state == "missing":
        return Cell("missing", "No record, and none of the step before it.")
    if earlier.state == UNREADABLE:
        return Cell(UNREADABLE, "No record, and that of the step before it cannot be read.")
    if earlier.state == "failed":
        return Cell("not run", "The step before it failed.", earlier.run_id)
    # Without new plays there is no file to load, and a load that added nothing publishes nothing.
    if earlier.state != "succeeded" or (step != "top_tracks" and not earlier.rows_new):
        return Cell("not run", "The step before it had nothing for it.", earlier.run_id)
    cell = _without_row(step, earlier.finished_at or slot, now, is_started=True)
    # A batch is called after its run, so its output can be found; a function that died may have logged no run at all.
    return replace(cell, run_id=earlier.run_id) if step == "top_tracks" else cell


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
        finished_at=row["finished_at"].to_pydatetime(),
        rows_new=None if pd.isna(rows_new) else int(rows_new),
        not_polled=not_polled(row),
    )


def _collected(hours: Sequence[Hour], label: str, noun: str) -> str:
    states = Counter(hour.cells["ingest"].state for hour in hours if not hour.cells["ingest"].not_polled)
    bad = [f"{states[state]} {state}" for state in _BAD if states[state]]
    if bad:
        failed = f"Of the last {label}, **{humanize.joined(bad)}**."
        return f"{failed} Plays of those hours arrive with the next run that works."
    good, before = states["succeeded"] + states["skipped"], states["not run"]
    due = f", and the newest {noun} is waited for" if states["waiting"] else ""
    if not good:
        return f"No {noun} of the last {label} was collected{due}."
    if good + states["waiting"] == len(hours):
        return f"Every {noun} of the last {label} was collected{due}."
    if good + states["waiting"] + before == len(hours):
        return f"Every {noun} that was due was collected, **{good}** of the last {label}{due}."
    return f"Of the last {label}, **{humanize.counted(good, noun)}** {'was' if good == 1 else 'were'} collected{due}."


def _not_polled(hours: Sequence[Hour], noun: str) -> str:
    """Nothing went wrong in them, and nothing was collected."""
    whys = Counter(why for hour in hours if (why := hour.cells["ingest"].not_polled))
    return " ".join(f"In **{humanize.counted(n, noun)}** no listener was polled: {why}." for why, n in whys.items())


def _after_ingest(hours: Sequence[Hour]) -> str:
    """The steps that failed or left no record while ingest did its work, each with how often."""
    steps = []
    for step in STEPS[1:]:
        states = Counter(hour.cells[step].state for hour in hours if hour.bad_step == step)
        if states:
            counts = humanize.joined([f"{states[state]} {state}" for state in _BAD if states[state]])
            steps.append(f"{STEP_NAMES[step]} **{counts}**")
    return f"After ingest: {humanize.joined(steps)}." if steps else ""
