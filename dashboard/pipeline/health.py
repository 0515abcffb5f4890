"""Computes status, problems, consents, success rate, plays per run and durations from the ledger."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

import humanize
from pipeline.ledger import UNREADABLE
from pipeline.remedies import MISSING, next_step
from pipeline.run_hours import (
    ALLOWED,
    STEPS,
    Hour,
    MissingRuns,
    find_missing_runs,
    grid_hours,
    names_any,
    not_polled,
    scheduled,
)
from pipeline.schedule import HOUR, HOURLY, Schedule

NEWEST_SHOWN = 50
"""Spotify shows no more plays than this: a run that was given as many may have lost some."""
WARN_DAYS = 30
_LEDGER_HOURS = 14 * 24
"""What the ledger's copy holds at least (LEDGER_DAYS in warehouse/store.py) but its first day."""
_POLLED = ("collected", "nothing_new")


@dataclass(frozen=True)
class Status:
    """level: ok, attention (a listener needs the owner), paused (by Spotify), late, failing, never."""

    level: str
    words: str
    last_success_at: datetime | None


def status(runs: pd.DataFrame, now: datetime, schedule: Schedule = HOURLY) -> Status:
    """How the pipeline stands, worst first."""
    hourly = scheduled(runs)
    runs_of_ingest = hourly[hourly["step"] == "ingest"]
    if runs_of_ingest.empty:
        return Status("never", "Never ran", None)
    # To the last run, however long ago it was.
    reach = max(_LEDGER_HOURS, (now - runs_of_ingest["slot"].max()) // HOUR + 24)
    hours = grid_hours(runs, now, reach, schedule)
    finished = [hour.cells["ingest"].finished_at for hour in hours if hour.is_good]
    age = now - hourly["finished_at"].max().to_pydatetime()
    level, words = (
        _failing(runs, hours, now)
        # Only ingest is called by the clock: a file that is sent again can bring load a newer row.
        or _late(runs_of_ingest["finished_at"].max().to_pydatetime(), now, schedule)
        or _polling_none(runs, hours, now)
        or _unread_listeners(runs, now)
        or ("ok", f"Healthy: the last run finished {humanize.ago(age)}")
    )
    return Status(level, words, finished[-1] if finished else None)


def problems(
    runs: pd.DataFrame, now: datetime, schedule: Schedule = HOURLY, *, is_laptop: bool = False
) -> pd.DataFrame:
    """What went wrong in the last week, the newest first: slot, since, step, state, listener_id, error_class, what,
    next_step, recovered.

    `since` is the slot of the first of consecutive failures, of which `slot` is the last.
    """
    oldest = now - timedelta(days=7)
    of_listeners = [row for row in _failed_listeners(runs) if row["slot"] > oldest]
    missing = [
        found for found in find_missing_runs(grid_hours(runs, now, _LEDGER_HOURS, schedule)) if found.last > oldest
    ]
    found = [*_failed_steps(runs[runs["slot"] > oldest]), *of_listeners, *map(_unrecorded, missing)]
    rows = [{**row, "next_step": next_step(row["error_class"], row["step"], is_laptop=is_laptop)} for row in found]
    columns = ["slot", "since", "step", "state", "listener_id", "error_class", "what", "next_step", "recovered"]
    return pd.DataFrame(rows, columns=columns).sort_values(["slot", "step"], ascending=False, ignore_index=True)


def plays_per_run(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per run and listener that it polled, the oldest first: slot, listener_id, fetched, new, at_limit (all new).

    Of several attempts at a slot the newest counts, whose figures are those of the run's file.
    """
    newest = {
        (slot, slug): (slot, slug, part.get("fetched") or 0, part.get("new") or 0)
        for slot, details in _ingest_details(runs)
        for slug, part in details.items()
        if part.get("state") in _POLLED
    }
    frame = pd.DataFrame(sorted(newest.values()), columns=["slot", "listener_id", "fetched", "new"])
    return frame.assign(at_limit=frame["new"] >= NEWEST_SHOWN)


def listeners(runs: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """A row per listener as the newest run found them: listener_id, state, reason, ends_at, days_left, level.

    Only those whom that run names: others are listeners no more. A run in a pause names none.
    level: ok, soon (consent ends within 30 days), ended, gone (Spotify refuses it before its end), unknown.
    """
    newest: dict[str, Mapping[str, Any]] = {}
    for _, details in _ingest_details(runs):
        for slug, part in details.items():
            before = newest.get(slug, {})
            ends_at = part.get("consent_ends_at") or before.get("consent_ends_at")
            # A run that polled no listener says nothing about a consent.
            judged = before if part.get("error_class") == "NotAsked" else part
            is_gone = bool(judged.get("is_gone")) or judged.get("error_class") == "NeedsConsent"
            newest[slug] = {**part, "consent_ends_at": ends_at, "is_gone": is_gone}
    rows = [_listener_row(slug, newest[slug], now) for slug in sorted(_named_last(runs))]
    return pd.DataFrame(rows, columns=["listener_id", "state", "reason", "ends_at", "days_left", "level"])


def not_collected_since(
    runs: pd.DataFrame, listener_id: str, newest_at: datetime | None, now: datetime, schedule: Schedule = HOURLY
) -> datetime | None:
    """Since when no plays of a listener arrive, whatever holds them up; None while they do.

    The slot of the last run that polled the listener, or the newest play: an import may bring later ones, and such a
    run may be older than the copy of the ledger.
    """
    polled = [slot for slot, details in _ingest_details(runs) if details.get(listener_id, {}).get("state") in _POLLED]
    since = max([*polled, *([newest_at] if newest_at else [])], default=now)
    # The next run may take an hour with all of its retries, and then the one after it may be under way.
    known_at = schedule.next_after(max(since, schedule.since)) + HOUR + ALLOWED["ingest"]
    return since if now > known_at else None


def success_rate(runs: pd.DataFrame, now: datetime, schedule: Schedule = HOURLY) -> tuple[int, int]:
    """Hours in which every step did its work, and hours that the schedule expected: of a week.

    An hour in which no listener was polled is neither good nor bad.
    """
    hours = grid_hours(runs, now, 7 * 24, schedule)
    good = sum(hour.is_good for hour in hours)
    return good, good + sum(hour.bad_step is not None for hour in hours)


def durations(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per step that did work: step, median_seconds, last_seconds, runs."""
    worked = runs[runs["state"] == "succeeded"].sort_values("finished_at")
    seconds = (worked["finished_at"] - worked["started_at"]).dt.total_seconds()
    figures = seconds.groupby(worked["step"]).agg(["median", "last", "size"])
    figures.columns = pd.Index(["median_seconds", "last_seconds", "runs"])
    return figures.reindex([step for step in STEPS if step in figures.index]).rename_axis("step").reset_index()


def spark_batch(runs: pd.DataFrame, top_tracks: pd.DataFrame, now: datetime) -> dict[str, Any] | None:
    """The batch whose rows `top_tracks` holds: run_id, age, plays; None before the first one."""
    if top_tracks.empty:
        return None
    newest = top_tracks.iloc[0]
    rows = runs[(runs["step"] == "top_tracks") & (runs["run_id"] == newest["run_id"]) & (runs["state"] == "succeeded")]
    read = rows["rows_in"].iloc[0] if len(rows) else None
    return {
        "run_id": newest["run_id"],
        "age": now - newest["computed_at"].to_pydatetime(),
        "plays": None if read is None or pd.isna(read) else int(read),
    }


def blocked_until(runs: pd.DataFrame, now: datetime) -> datetime | None:
    """When the pause that Spotify asked for ends, if it has not ended."""
    ends_at = pd.to_datetime(runs["blocked_until"], utc=True).max()
    return ends_at.to_pydatetime() if pd.notna(ends_at) and ends_at > now else None


def _failing(runs: pd.DataFrame, hours: Iterable[Hour], now: datetime) -> tuple[str, str] | None:
    """The first step that fails, or leaves no row. Missing runs of ingest are for _late."""
    failing = _failing_since(runs)
    missing = {found.step: found.since for found in find_missing_runs(hours) if not found.has_recovered}
    for step in STEPS:
        if step in failing:
            since = min(failing[step], missing.get(step, now))
            return "failing", f"Failing for {humanize.duration(now - since)}: {_named(step)}"
        if step in missing and step != "ingest":
            return "failing", f"Failing for {humanize.duration(now - missing[step])}: {_named(step)} left no record"
    return None


def _late(finished_at: datetime, now: datetime, schedule: Schedule) -> tuple[str, str] | None:
    # A run may take an hour with all of its retries.
    if now - max(finished_at, schedule.since) <= schedule.interval + HOUR:
        return None
    return "late", f"Late: the last run finished {humanize.ago(now - finished_at)}"


def _polling_none(runs: pd.DataFrame, hours: Iterable[Hour], now: datetime) -> tuple[str, str] | None:
    """A run that polls no listener has not failed, and still no plays are collected."""
    if blocked_until(runs, now):
        return "paused", "Paused: Spotify asked for a pause"
    recorded = [hour.cells["ingest"] for hour in hours if hour.cells["ingest"].finished_at]
    why = recorded[-1].not_polled if recorded else ""
    return ("attention", f"Running, but the last run polled no listener: {why}") if why else None


def _unread_listeners(runs: pd.DataFrame, now: datetime) -> tuple[str, str] | None:
    found = listeners(runs, now)
    failed = int((found["state"] == "failed").sum())
    plays = f"the plays of {humanize.counted(failed, 'listener')}"
    return ("attention", f"Running, but {plays} could not be read") if failed else None


def _failing_since(runs: pd.DataFrame) -> dict[str, datetime]:
    """The steps whose newest row is a failure, and when the first of that row of failures was."""
    since = {}
    for step, rows in runs[runs["state"] != UNREADABLE].sort_values("finished_at").groupby("step"):
        is_failed = rows["state"] == "failed"
        if is_failed.iloc[-1]:
            good = rows.loc[~is_failed, "finished_at"].max()
            later = rows if pd.isna(good) else rows[rows["finished_at"] > good]
            since[str(step)] = later["finished_at"].iloc[0].to_pydatetime()
    return since


def _unrecorded(runs: MissingRuns) -> dict[str, Any]:
    is_ingest = runs.step == "ingest"
    return {
        "slot": runs.last,
        "since": runs.since,
        "step": runs.step,
        "state": "missing",
        "listener_id": None,
        "error_class": MISSING,
        "what": "No run was recorded." if is_ingest else "No record, although the step before it had work for it.",
        "recovered": runs.has_recovered,
    }


def is_trouble(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows of the ledger say that something went wrong; a load of the good rows alone is a success, too."""
    return (rows["state"] == "failed") | rows["error_class"].isin(("RowsRefused", "PlaysDoubled"))


def _failed_steps(runs: pd.DataFrame) -> list[dict[str, Any]]:
    is_bad = is_trouble(runs)
    has_polled = pd.Series([not not_polled(row) for row in runs.to_dict("records")], runs.index, dtype=bool)
    last_good = runs[~is_bad & has_polled & (runs["state"] != UNREADABLE)].groupby("step")["finished_at"].max()
    rows = []
    for row in runs[is_bad & ~runs["details"].map(_has_failed_listener)].to_dict("records"):
        error_class = row["error_class"] if isinstance(row["error_class"], str) else ""
        rows.append(
            {
                "slot": row["slot"],
                "since": row["slot"],
                "step": row["step"],
                "state": row["state"],
                "listener_id": None,
                "error_class": error_class,
                "what": row["reason"] or "",
                "recovered": bool(last_good.get(row["step"], row["finished_at"]) > row["finished_at"]),
            }
        )
    return rows


def _has_failed_listener(details: Mapping[str, Any] | None) -> bool:
    return any(part.get("state") == "failed" for part in (details or {}).get("listeners", {}).values())


def _failed_listeners(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Failures of one listener; of a row of the same ones only the newest. Of one who was taken out it is over."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for slot, details in _ingest_details(runs):
        for slug, part in details.items():
            error_class = part.get("error_class") or ""
            if part.get("state") == "failed":
                earlier = rows.get((slug, error_class))
                rows[slug, error_class] = {
                    "slot": slot,
                    "since": earlier["since"] if earlier and not earlier["recovered"] else slot,
                    "step": "ingest",
                    "state": "failed",
                    "listener_id": slug,
                    "error_class": error_class,
                    "what": part.get("reason") or "",
                    "recovered": False,
                }
            elif part.get("state") in _POLLED:
                for failed in (row for (other, _), row in rows.items() if other == slug):
                    failed["recovered"] = True
    named = _named_last(runs)
    return [{**row, "recovered": row["recovered"] or row["listener_id"] not in named} for row in rows.values()]


def _named_last(runs: pd.DataFrame) -> Collection[str]:
    """The listeners of the newest run that names any, less those whom the viewer may not see."""
    rows = runs[runs["step"] == "ingest"].sort_values(["slot", "finished_at"], ascending=False)
    return next((details.get("listeners") or {} for details in rows["details"] if details and names_any(details)), {})


def _ingest_details(runs: pd.DataFrame) -> list[tuple[datetime, Mapping[str, Mapping[str, Any]]]]:
    """Each listener's part of each run of ingest, the oldest first."""
    rows = runs[runs["step"] == "ingest"].sort_values(["slot", "finished_at"])
    pairs = zip(rows["slot"], rows["details"], strict=True)
    return [(slot.to_pydatetime(), (details or {}).get("listeners") or {}) for slot, details in pairs]


def _listener_row(slug: str, part: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    ends_at = datetime.fromisoformat(part["consent_ends_at"]) if part.get("consent_ends_at") else None
    days_left = (ends_at - now).days if ends_at else None
    return {
        "listener_id": slug,
        "state": part.get("state"),
        "reason": part.get("reason"),
        "ends_at": ends_at,
        "days_left": days_left,
        "level": _consent_level(days_left, is_gone=part["is_gone"]),
    }


def _consent_level(days_left: int | None, *, is_gone: bool) -> str:
    if is_gone and (days_left is None or days_left >= 0):
        return "gone"
    if days_left is None:
        return "unknown"
    if days_left < 0:
        return "ended"
    return "soon" if days_left <= WARN_DAYS else "ok"


def _named(step: str) -> str:
    return {"top_tracks": "the top ten (Spark)", "transform": "starting Spark"}.get(step, step)
