"""Filters the ledger for a viewer who may not see every listener: nothing in it shows how much the others listened.

A run's counts less the viewer's own are the others'. So ingest counts own plays only, in a sentence of its own that
names own listeners only; rows of later steps that are about others alone are left out, and no other count is larger
than the own.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

import humanize

_CHANGED = {"state": "object", "rows_in": "Int64", "rows_new": "Int64", "reason": "object", "details": "object"}
_GOOD = ("succeeded", "skipped")
_POLLED = ("collected", "nothing_new")


def own_part(runs: pd.DataFrame, listeners: Collection[str]) -> pd.DataFrame:
    """The rows of `ledger.readable` as far as they are about these listeners; columns and order as they were."""
    imports = runs.loc[runs["step"] == "import", "run_id"]
    hourly = runs[~runs["run_id"].isin(imports)]
    own = {
        row["run_id"]: _own_listeners(row["details"], listeners)
        for row in hourly[hourly["step"] == "ingest"].to_dict("records")
    }
    rows = [
        _ingest(row, _own_listeners(row["details"], listeners))
        if row["step"] == "ingest"
        else _after_ingest(row, _sum(own.get(row["run_id"], {}), "new"))
        for row in hourly.to_dict("records")
    ]
    kept = [row for row in rows if row is not None]
    changed = {name: pd.array([row[name] for row in kept], dtype=kind) for name, kind in _CHANGED.items()}
    return hourly.loc[[row is not None for row in rows]].assign(**changed).reset_index(drop=True)


def _own_listeners(details: Mapping[str, Any] | None, listeners: Collection[str]) -> dict[str, Mapping[str, Any]]:
    return {slug: about for slug, about in (details or {}).get("listeners", {}).items() if slug in listeners}


def _after_ingest(row: dict[Any, Any], new: int) -> dict[Any, Any] | None:
    """`new`: the own plays of the run. None where all of the row is about others."""
    if not new and row["state"] in _GOOD:
        return None
    is_about_all = row["step"] == "top_tracks"  # a batch reads every play there is
    counts = {
        name: None if is_about_all or pd.isna(row[name]) else min(int(row[name]), new)
        for name in ("rows_in", "rows_new")
    }
    return {**row, **counts, "reason": _trouble(row["state"], row["error_class"]), "details": None}


def _ingest(row: dict[Any, Any], own: Mapping[str, Mapping[str, Any]]) -> dict[Any, Any]:
    """A run that brought only others' plays had nothing for these listeners."""
    state, reason, new, details = row["state"], row["reason"], _sum(own, "new"), row["details"]
    named = (details or {}).get("listeners", {})
    if state not in _GOOD and (state != "failed" or not own):
        reason = _trouble(state, row["error_class"])
    elif own:
        failed = {slug: about.get("reason") for slug, about in own.items() if about.get("state") not in _POLLED}
        failures = [f"{slug}: {why or 'no reason was recorded'}" for slug, why in failed.items()]
        reason = "; ".join([humanize.counted(new, "new play") if new else "no new plays", *failures])
    elif details is None:
        reason = "what it recorded of each listener cannot be read"
    elif state == "succeeded" or named or pd.isna(row["blocked_until"]):
        reason = "no listener that you may see was polled"
    return {
        **row,
        "state": "skipped" if state == "succeeded" and not new else state,
        "reason": reason,
        "rows_in": None if details is None else _sum(own, "fetched"),
        "rows_new": None if details is None else new,
        # `names_others` is true of a run that polled others only, false of one that polled no listener.
        "details": None if details is None else {"listeners": dict(own), "names_others": len(named) > len(own)},
    }


def _trouble(state: Any, error_class: Any) -> str | None:
    """None where there is none. The step's own sentence has names and counts, of which others' can be worked out, or an
    error's words, which may quote a play of another's.
    """
    named = f" with {error_class}" if isinstance(error_class, str) and error_class else ""
    if state in _GOOD:
        return f"It succeeded, but{named}; a viewer whose entry is * sees the next step" if named else None
    outcome = "It failed" if state == "failed" else "Its record cannot be read"
    return f"{outcome}{named}; a viewer whose entry is * sees why"


def _sum(own: Mapping[str, Mapping[str, Any]], what: str) -> int:
    return sum(about.get(what) or 0 for about in own.values())
