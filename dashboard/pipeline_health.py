"""Is it working, what went wrong, what is there to do: read from the ledger, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from pipeline_grid import ALLOWED, HOUR, STEPS, full_hour, newest_rows, scheduled, slots

PAGE_LIMIT = 50
"""Spotify shows no more plays than this: a run that was given as many may have lost some."""
LATE_AFTER = 2 * HOUR
WARN_DAYS = 30

_COMMAND = "python -m cli "
_WAIT = "Nothing: the next run tries again."
_NEXT_STEPS = {
    "NeedsConsent": "Run: python -m cli authorize {listener}",
    "SecretUnusable": "Run: python -m cli authorize {listener}",  # pragma: allowlist secret -- a sentence
    "TokenNotStored": "Let the ingest function add secret versions, then run: python -m cli authorize {listener}",
    "AppSecretUnusable": "Run: python -m cli authorize LISTENER --new-client",  # pragma: allowlist secret -- a sentence
    "ClientRefused": "Run: python -m cli authorize LISTENER --new-client",
    "PremiumLapsed": "Renew the app owner's Spotify Premium.",
    "NotAllowListed": "Add the account under User Management on developer.spotify.com/dashboard.",
    "RequestRefused": "See whether Spotify's Web API has changed.",
    "RateLimited": "Nothing: the first run after the pause tries again.",
    "QuotaExceeded": "Nothing: the first run after the pause tries again. If it comes back, call Spotify less often.",
    "NotAsked": "Nothing: the first run after the pause tries again.",
    "FileRefused": "Look at the file and the reason beside it in the quarantine bucket.",
    "RowsRefused": "Look at the reason beside the file in the quarantine bucket.",
    "TableUnfit": "Run terraform apply: the table differs from its file.",
    "BatchForbidden": "Let the transform function submit batches: run terraform apply.",
    "BatchRefused": "Read the batch's settings in the reason, then run terraform apply.",
    "SettingsError": "Set what the reason names, then deploy again.",
    "missing": "Look for the hour in Cloud Scheduler and in the function's log.",
}
_STEP_NEXT = {"top_tracks": "Read the batch's driver output; the next new plays start another batch."}


@dataclass(frozen=True)
class Status:
    """level: ok, attention (a listener needs somebody), late, failing, never."""

    level: str
    words: str
    last_success_at: datetime | None


def status(runs: pd.DataFrame, now: datetime) -> Status:
    """How the pipeline stands, worst first."""
    hourly = scheduled(runs)
    if hourly.empty:
        return Status("never", "Never ran", None)
    ingest = runs[runs["step"] == "ingest"]
    good = ingest[ingest["state"] != "failed"]
    last_success_at = good["finished_at"].max().to_pydatetime() if len(good) else None
    failing = _failing_since(runs)
    if failing:
        step, since = min(failing.items(), key=lambda item: STEPS.index(item[0]))
        return Status("failing", f"Failing for {_span(now - since)}: {_named(step)}", last_success_at)
    newest_at = hourly["finished_at"].max().to_pydatetime()
    if now - newest_at > LATE_AFTER:
        return Status("late", f"Late: the last run finished {_span(now - newest_at)} ago", last_success_at)
    waiting = [row["listener_id"] for row in listeners(runs, now).to_dict("records") if row["state"] == "failed"]
    if waiting:
        return Status("attention", f"Running, but {len(waiting)} of its listeners could not be read", last_success_at)
    return Status("ok", f"Healthy: the last run finished {_span(now - newest_at)} ago", last_success_at)


def problems(runs: pd.DataFrame, now: datetime, hours: int = 7 * 24) -> pd.DataFrame:
    """What went wrong, the newest first: slot, since, step, state, listener_id, error_class, what, next_step,
    recovered.

    `since` is the slot of the first failure of an uninterrupted row of them, of which `slot` is the last.
    """
    oldest = now - hours * HOUR
    recent = runs[runs["slot"] > oldest]
    of_listeners = [row for row in _failed_listeners(runs) if row["slot"] > oldest]
    rows = [*_failed_steps(recent), *of_listeners, *_missing_hours(recent, runs, now, hours)]
    columns = ["slot", "since", "step", "state", "listener_id", "error_class", "what", "next_step", "recovered"]
    return pd.DataFrame(rows, columns=columns).sort_values(["slot", "step"], ascending=False, ignore_index=True)


def plays_per_run(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per run and listener, the oldest first: slot, listener_id, fetched, new, at_limit (all were new)."""
    rows = [
        {"slot": slot, "listener_id": slug, "fetched": told.get("fetched") or 0, "new": told.get("new") or 0}
        for slot, details in _ingest_details(runs)
        for slug, told in details.items()
    ]
    frame = pd.DataFrame(rows, columns=["slot", "listener_id", "fetched", "new"])
    return frame.assign(at_limit=frame["new"] >= PAGE_LIMIT)


def listeners(runs: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """A row per listener as the newest run found them: listener_id, state, reason, ends_at, days_left, level.

    level: ok, soon (consent ends within 30 days), ended, gone (Spotify refuses it before its end), unknown.
    """
    newest: dict[str, Mapping[str, Any]] = {}
    for _, details in _ingest_details(runs):
        for slug, told in details.items():
            before = newest.get(slug, {})
            ends_at = told.get("consent_ends_at") or before.get("consent_ends_at")
            # A run that asked nobody says nothing about a consent.
            judged = before if told.get("error_class") == "NotAsked" else told
            newest[slug] = {**told, "consent_ends_at": ends_at, "is_gone": _is_gone(judged)}
    rows = [_listener_row(slug, told, now) for slug, told in sorted(newest.items())]
    return pd.DataFrame(rows, columns=["listener_id", "state", "reason", "ends_at", "days_left", "level"])


def success_rate(runs: pd.DataFrame, now: datetime, days: int = 7) -> tuple[int, int]:
    """Hours whose ingest did its work, and hours that the schedule expected since the first run."""
    runs = scheduled(runs)
    if runs.empty:
        return 0, 0
    newest = newest_rows(runs[runs["step"] == "ingest"])
    first = runs["slot"].min().to_pydatetime().replace(minute=0, second=0, microsecond=0)
    due = [slot for slot in slots(now, days * 24) if slot >= first and now - slot > ALLOWED["ingest"]]
    good = [slot for slot in due if (row := newest.get((slot, "ingest"))) and row["state"] != "failed"]
    return len(good), len(due)


def durations(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per step that did work: step, median_seconds, last_seconds, runs."""
    worked = runs[runs["state"] == "succeeded"].sort_values("finished_at")
    seconds = (worked["finished_at"] - worked["started_at"]).dt.total_seconds()
    told = seconds.groupby(worked["step"]).agg(["median", "last", "size"])
    told.columns = pd.Index(["median_seconds", "last_seconds", "runs"])
    return told.reindex([step for step in STEPS if step in told.index]).rename_axis("step").reset_index()


def spark_batch(runs: pd.DataFrame, top_tracks: pd.DataFrame, now: datetime) -> dict[str, Any] | None:
    """The batch whose rows `top_tracks` holds: run_id, computed_at, as_of, age, plays; None before the first one."""
    if top_tracks.empty:
        return None
    newest = top_tracks.iloc[0]
    rows = runs[(runs["step"] == "top_tracks") & (runs["run_id"] == newest["run_id"]) & (runs["state"] == "succeeded")]
    read = rows["rows_in"].iloc[0] if len(rows) else None
    computed_at = newest["computed_at"].to_pydatetime()
    return {
        "run_id": newest["run_id"],
        "computed_at": computed_at,
        "as_of": newest["as_of"].to_pydatetime(),
        "age": now - computed_at,
        "plays": None if read is None or pd.isna(read) else int(read),
    }


def blocked_until(runs: pd.DataFrame, now: datetime) -> datetime | None:
    """Until when Spotify asked not to be called, when that is still to come."""
    told = pd.to_datetime(runs["blocked_until"], utc=True).max()
    return told.to_pydatetime() if pd.notna(told) and told > now else None


def _failing_since(runs: pd.DataFrame) -> dict[str, datetime]:
    """The steps whose newest row is a failure, and when the first of that row of failures was."""
    since = {}
    for step, rows in runs.sort_values("finished_at").groupby("step"):
        is_failed = rows["state"] == "failed"
        if is_failed.iloc[-1]:
            good = rows.loc[~is_failed, "finished_at"].max()
            later = rows if pd.isna(good) else rows[rows["finished_at"] > good]
            since[str(step)] = later["finished_at"].iloc[0].to_pydatetime()
    return since


def _failed_steps(runs: pd.DataFrame) -> list[dict[str, Any]]:
    is_bad = (runs["state"] == "failed") | (runs["error_class"] == "RowsRefused")
    last_good = runs[~is_bad].groupby("step")["finished_at"].max()
    rows = []
    for row in runs[is_bad & ~runs["details"].map(_tells_of_a_failed_listener)].to_dict("records"):
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
                "next_step": next_step(error_class, row["step"], "LISTENER"),
                "recovered": bool(last_good.get(row["step"], row["finished_at"]) > row["finished_at"]),
            }
        )
    return rows


def _tells_of_a_failed_listener(details: object) -> bool:
    listeners = details.get("listeners", {}) if isinstance(details, dict) else {}
    return any(told.get("state") == "failed" for told in listeners.values())


def _failed_listeners(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Failures of one listener; of a row of the same ones only the newest."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for slot, details in _ingest_details(runs):
        for slug, told in details.items():
            error_class = told.get("error_class") or ""
            if told.get("state") == "failed":
                earlier = rows.get((slug, error_class))
                rows[slug, error_class] = {
                    "slot": slot,
                    "since": earlier["since"] if earlier and not earlier["recovered"] else slot,
                    "step": "ingest",
                    "state": "failed",
                    "listener_id": slug,
                    "error_class": error_class,
                    "what": told.get("reason") or "",
                    "next_step": next_step(error_class, "ingest", slug),
                    "recovered": False,
                }
            elif told.get("state") in ("collected", "nothing_new"):
                for failed in (row for (other, _), row in rows.items() if other == slug):
                    failed["recovered"] = True
    return list(rows.values())


def _missing_hours(recent: pd.DataFrame, runs: pd.DataFrame, now: datetime, hours: int) -> list[dict[str, Any]]:
    runs = scheduled(runs)
    if runs.empty:
        return []
    first = runs["slot"].min()
    ran = {full_hour(slot.to_pydatetime()) for slot in recent.loc[recent["step"] == "ingest", "slot"]}
    due = [slot for slot in slots(now, hours) if slot > first and now - slot > ALLOWED["ingest"] and slot not in ran]
    return [
        {
            "slot": slot,
            "since": slot,
            "step": "ingest",
            "state": "missing",
            "listener_id": None,
            "error_class": "missing",
            "what": "No run was recorded for this hour.",
            "next_step": _NEXT_STEPS["missing"],
            "recovered": any(later > slot for later in ran),
        }
        for slot in due
    ]


def next_step(error_class: str, step: str, listener: str) -> str:
    return _NEXT_STEPS.get(error_class, _STEP_NEXT.get(step, _WAIT)).format(listener=listener)


def is_said(next_step: str, what: str) -> bool:
    """Whether what happened is told with the very command that comes next."""
    _, found, command = next_step.partition(_COMMAND)
    return bool(found) and f"{found}{command}" in what


def _ingest_details(runs: pd.DataFrame) -> list[tuple[datetime, Mapping[str, Mapping[str, Any]]]]:
    """What ingest told of each listener, run by run, the oldest first."""
    rows = runs[runs["step"] == "ingest"].sort_values(["slot", "finished_at"])
    told = zip(rows["slot"], rows["details"], strict=True)
    return [(slot.to_pydatetime(), (details or {}).get("listeners") or {}) for slot, details in told]


def _listener_row(slug: str, told: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    ends_at = datetime.fromisoformat(told["consent_ends_at"]) if told.get("consent_ends_at") else None
    days_left = (ends_at - now).days if ends_at else None
    return {
        "listener_id": slug,
        "state": told.get("state"),
        "reason": told.get("reason"),
        "ends_at": ends_at,
        "days_left": days_left,
        "level": _consent_level(days_left, is_gone=told["is_gone"]),
    }


def _is_gone(told: Mapping[str, Any]) -> bool:
    return bool(told.get("is_gone")) or told.get("error_class") == "NeedsConsent"


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


def _span(age: timedelta) -> str:
    """A stretch of time in the largest unit that says it."""
    minutes = max(int(age.total_seconds() // 60), 0)
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"
