"""Invented rows of the ledger for the tests, and the ledger that they make."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from pipeline import run_hours
from pipeline.schedule import HOURLY, Schedule
from tests.dashboard.invented.history import at
from tests.seed import schema_of

NOW = at("2026-11-22 12:20")
COLUMNS = schema_of("runs").names


def run(hour: int, step: str, state: str = "succeeded", minutes: float = 1, **values: Any) -> dict[str, Any]:
    """A row of the ledger that was finished so many minutes after its hour of 22 November 2026."""
    slot = at(f"2026-11-22 {hour:02}:00")
    finished_at = slot + timedelta(minutes=minutes)
    usual = dict.fromkeys(COLUMNS)
    row = {"run_id": f"{slot:%Y%m%dT%H%M%SZ}", "slot": slot, "step": step, "state": state, "reason": f"{step} {state}."}
    return {**usual, **row, "started_at": finished_at - timedelta(seconds=30), "finished_at": finished_at, **values}


def whole(hour: int) -> list[dict[str, Any]]:
    """A run in which every step did its work."""
    return [
        run(hour, step, minutes=n, rows_new=7)
        for n, step in enumerate(("ingest", "load", "transform", "top_tracks"), start=1)
    ]


def ledger(*rows: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=COLUMNS)
    for name in ("slot", "started_at", "finished_at", "blocked_until"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame.sort_values("slot", ascending=False, ignore_index=True)


def grid(runs: pd.DataFrame, now: datetime, hours: int = 24, schedule: Schedule = HOURLY) -> pd.DataFrame:
    return run_hours.to_frame(run_hours.grid_hours(runs, now, hours, schedule))


def polled(hour: int, **listeners: dict[str, Any]) -> dict[str, Any]:
    empty = {"state": "collected", "fetched": 0, "new": 0, "error_class": None, "reason": None, "consent_ends_at": None}
    parts = {slug: {**empty, **about} for slug, about in listeners.items()}
    return run(hour, "ingest", details={"listeners": parts})


def imported(hour: int, *steps: str) -> list[dict[str, Any]]:
    """The run of a file of an import, at one second before the hour's end; no ingest and no hour belongs to it."""
    rows = [run(hour, step, minutes=59 + n, rows_new=25_000) for n, step in enumerate(steps)]
    return [row | {"run_id": f"20261122T{hour:02}5959Z", "slot": row["slot"] + timedelta(seconds=3599)} for row in rows]


def not_polled(hour: int, blocked_until: datetime | None = None) -> dict[str, Any]:
    """As ingest writes it in a pause, and when no listener has consented."""
    return run(hour, "ingest", "skipped", blocked_until=blocked_until, details={"listeners": {}})
