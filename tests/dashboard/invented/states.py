"""The states a dashboard can be in besides full: what each lacks, made out of a full invented warehouse."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd

from tests.dashboard.invented.warehouse import FEATURES, InventedWarehouse
from warehouse import store as warehouse_store

ME = "listener-one"


def never_run(full: InventedWarehouse, now: datetime) -> InventedWarehouse:
    for table in full.tables:
        full = full.without(table)
    return full


def no_plays(full: InventedWarehouse, now: datetime) -> InventedWarehouse:
    return full.without("plays").without("top_tracks").without("gaps")


def nothing_lately(full: InventedWarehouse, now: datetime) -> InventedWarehouse:
    plays = full.tables["plays"]
    return full.with_plays(plays[plays["played_at"] < now - timedelta(days=100)])


def few_plays(full: InventedWarehouse, now: datetime) -> InventedWarehouse:
    return full.with_plays(_mine(full).tail(6)).without("top_tracks")


def one_play(full: InventedWarehouse, now: datetime) -> InventedWarehouse:
    return full.with_plays(_mine(full).tail(1)).without("top_tracks").without("gaps")


def no_features(full: InventedWarehouse, now: datetime) -> InventedWarehouse:
    return full.with_plays(full.tables["plays"].assign(**dict.fromkeys([*FEATURES, "features_source"])))


def no_endings(full: InventedWarehouse, now: datetime) -> InventedWarehouse:
    return full.with_plays(full.tables["plays"].assign(ending=None))


def late(full: InventedWarehouse, now: datetime) -> InventedWarehouse:
    runs = full.tables["runs"]
    return full.with_table("runs", runs[runs["slot"] < now - timedelta(hours=6)])


def failing(full: InventedWarehouse, now: datetime) -> InventedWarehouse:
    """For seven hours one listener's consent has been missing and BigQuery has refused every file."""
    runs = full.tables["runs"]
    is_new = runs["slot"] > now - timedelta(hours=7)
    polls = runs[is_new & (runs["step"] == "ingest")]
    not_polled = polls.assign(
        state="succeeded", reason=None, error_class=None, details=polls["details"].map(without_consent)
    )
    # Of every run, as at some hours of the day no invented listener has played anything to load.
    refused = polls.assign(
        step="load",
        state="failed",
        reason="BigQuery refused the file: column energy.",
        error_class="FileRefused",
        details=None,
    )
    return full.with_table("runs", pd.concat([runs[~is_new], not_polled, refused], ignore_index=True))


def down(full: InventedWarehouse, now: datetime) -> InventedWarehouse:
    return replace(full, down=True)


_ALL = (never_run, no_plays, nothing_lately, few_plays, one_play, no_features, no_endings, late, failing, down)
STATES: dict[str, Callable[[InventedWarehouse, datetime], InventedWarehouse]] = {
    state.__name__.replace("_", "-"): state for state in _ALL
}


def stale_store(full: InventedWarehouse) -> warehouse_store.Store:
    """Everything was read once; then the warehouse went away."""
    going = replace(full)
    store = warehouse_store.Store(going, check_seconds=0)
    for slug in store.listeners().value:
        store.history(slug), store.gaps(slug), store.top_tracks(slug)
    going.down = True
    return store


def _mine(full: InventedWarehouse) -> pd.DataFrame:
    plays = full.tables["plays"]
    return plays[plays["listener_id"] == ME]


def without_consent(details: object) -> object:
    if not isinstance(details, dict):
        return details
    reason = f"consent was revoked, run `python -m cli authorize {ME}`"
    refused = {"state": "failed", "error_class": "NeedsConsent", "reason": reason}
    return {"listeners": {**details["listeners"], ME: {**details["listeners"][ME], **refused}}}
