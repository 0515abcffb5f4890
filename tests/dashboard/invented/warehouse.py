"""A warehouse in memory with invented listeners: what `store.Store` reads, without any server.

`warehouse(until)` has listeners with years of plays, two weeks of runs (good, skipped, failed, missing), gaps, expiring
consents and Spark's lists; `without`, `with_plays` and `with_table` narrow it for the empty and broken states.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
from google.api_core.exceptions import NotFound, ServiceUnavailable

from localcloud.demo.proofs import expected_row
from localcloud.listeners.listeners import invented_listeners
from localcloud.listeners.lives import Life, Play
from localcloud.listeners.music import invent_catalogue
from tests.dashboard.invented.history import top_ten
from warehouse.store import Store

SEED = 11
SPARK_PERIODS = {"last_7_days": 7, "last_28_days": 28, "last_365_days": 365, "all_time": None}
FEATURES = ("danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness", "instrumentalness")
FEATURES += ("liveness", "valence", "tempo")
SINCE_THE_BATCH = timedelta(hours=6)
"""How old the list of tracks is that Spark has left."""


@dataclass(eq=False)
class InventedWarehouse:
    """Answers as `store.Warehouse` does; when it is to be `down`, it answers as BigQuery does when it is."""

    tables: Mapping[str, pd.DataFrame]
    changed_at: datetime
    down: bool = False
    missing: Collection[str] = ()
    """Tables that were never made."""
    queried: list[str] = field(default_factory=list)
    """What was read: names of tables and of queries, and the values of the queries' parameters."""

    def modified(self, table: str) -> datetime:
        self._record(table)
        return self.changed_at

    def rows(self, table: str) -> pd.DataFrame:
        self._record(table)
        return self.tables[table].copy()

    def query(self, name: str, parameters: Sequence[Any]) -> pa.Table:
        self._record(name)
        given = {parameter.name: parameter.value for parameter in parameters}
        self.queried.extend(map(str, given.values()))
        if name == "runs":
            runs = self.tables["runs"]
            kept = runs[runs["slot"] >= given["since"]]
            return pa.Table.from_pandas(kept.assign(details=kept["details"].map(json.dumps)), preserve_index=False)
        plays = self.tables["plays"]
        if name == "catalogue":
            is_known = plays.drop_duplicates("track_id")["energy"].notna()
            counts = {"tracks": len(is_known), "known": int(is_known.sum()), "unknown": 0, "requested": 40}
            return pa.Table.from_pylist([counts])
        mine = plays[plays["listener_id"] == given["listener_id"]]
        if name == "plays":
            return pa.Table.from_pandas(_packed(mine), preserve_index=False)
        if name == "tracks":
            mine = _tracks(mine[mine["played_at"] < self.changed_at - SINCE_THE_BATCH])
        if name == "tracks_since":
            mine = _tracks(mine[mine["played_at"] >= given["since"]]).drop(columns=["source", "last_played_at"])
        return pa.Table.from_pandas(mine, preserve_index=False)

    billed_bytes_today = 30 * 2**20

    def sizes(self) -> pd.DataFrame:
        self._record("sizes")
        sizes = [(name, len(rows), len(rows) * 300) for name, rows in self.tables.items()]
        return pd.DataFrame(sizes, columns=["table", "rows", "bytes"])

    def without(self, table: str) -> "InventedWarehouse":
        return self.with_table(table, self.tables[table].head(0))

    def with_plays(self, plays: pd.DataFrame) -> "InventedWarehouse":
        return self.with_table("plays", plays)

    def with_table(self, name: str, rows: pd.DataFrame) -> "InventedWarehouse":
        return replace(self, tables={**self.tables, name: rows})

    def _record(self, what: str) -> None:
        self.queried.append(what)
        if self.down:
            raise ServiceUnavailable("invented")
        if what in self.missing:
            raise NotFound("invented")


def _packed(plays: pd.DataFrame) -> pd.DataFrame:
    """As queries/plays.sql answers: a row per track, its plays a line each."""
    at_ms = plays["played_at"].dt.as_unit("ms").astype("int64").astype(str)
    ms_played = plays["ms_played"].fillna(-1).astype("int64").astype(str)
    source = plays["source"].where(plays["source"].isin(["api", "export"]), "other").astype(str)
    context = plays["context_type"].fillna("").astype(str).str.extract("^([a-z_]*)$", expand=False).fillna("")
    ending = plays["ending"].fillna("").astype(str)
    lines = at_ms + " " + ms_played + " " + source + " " + context + " " + ending
    return lines.groupby(plays["track_id"]).agg("\n".join).rename("played").reset_index()


def _tracks(plays: pd.DataFrame) -> pd.DataFrame:
    """As queries/tracks.sql answers: a row per track, with the values of its newest play."""
    newest = plays.drop_duplicates("track_id", keep="last")
    return newest.rename(columns={"played_at": "last_played_at"}).drop(
        columns=["listener_id", "ms_played", "context_type", "ending"]
    )


@cache
def warehouse(until: datetime) -> InventedWarehouse:
    """The same for the same instant. The newest play is at most a few hours older than `until`."""
    music, begins = invent_catalogue(SEED), date(until.year - 1, 1, 1)
    lives = [Life(replace(listener, begins_on=begins), music, SEED) for listener in invented_listeners(3)]
    plays = pd.concat([_plays(life.between(life.begins_at, until)) for life in lives], ignore_index=True)
    slugs = sorted(plays["listener_id"].unique())
    top = pd.concat([top_of(slug, plays, until) for slug in slugs], ignore_index=True)
    tables = {"plays": plays, "top_tracks": top, "gaps": _gaps(slugs, until), "runs": _runs(slugs, plays, until)}
    return InventedWarehouse(tables, until)


def _plays(plays: list[Play]) -> pd.DataFrame:
    """As the demo expects them in `plays`, without covers, and with an ending as queries/plays.sql names it."""
    rows = [expected_row(play, with_features=True) | {"ending": _ending(number)} for number, play in enumerate(plays)]
    frame = pd.DataFrame(rows).drop(columns=["context_uri", "time_signature"])
    played_at, ms_played = pd.to_datetime(frame["played_at"], utc=True), frame["ms_played"].astype("Int64")
    return frame.assign(image_url=None, played_at=played_at, ms_played=ms_played)


def _ending(number: int) -> str | None:
    """Of every other play it is known, of these one in five was skipped."""
    return None if number % 2 else "skip" if number % 10 == 0 else "other" if number % 34 == 2 else "end"


def top_of(slug: str, plays: pd.DataFrame, until: datetime) -> pd.DataFrame:
    """What Spark would have written of these plays at that time."""
    history = Store(InventedWarehouse({"plays": plays}, until)).history(slug).value
    parts = [top_ten(history, until, days).assign(period=name) for name, days in SPARK_PERIODS.items()]
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(
        listener_id=slug, as_of=until, computed_at=until + timedelta(minutes=2), run_id=f"{until:%Y%m%dT%H%M%SZ}"
    )


def _gaps(slugs: list[str], until: datetime) -> pd.DataFrame:
    starts = pd.Series([until - timedelta(days=days, hours=3) for days in (9, 120)])
    later = {"gap_end": starts + timedelta(hours=4), "detected_at": starts + timedelta(hours=5)}
    runs = starts.dt.strftime("%Y%m%dT%H0000Z")
    return pd.DataFrame({"listener_id": slugs[0], "gap_start": starts, **later, "run_id": runs})


def _runs(slugs: list[str], plays: pd.DataFrame, until: datetime) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    per_hour = plays.groupby(["listener_id", plays["played_at"].dt.floor("h")]).size()
    for back in range(14 * 24, -1, -1):
        slot = until - timedelta(hours=back)
        if back in (19, 20, 75):
            continue
        new = {slug: int(per_hour.get((slug, pd.Timestamp(slot - timedelta(hours=1))), 0)) for slug in slugs}
        rows += _run(slot, new, back, until)
    return pd.DataFrame(rows)


def _run(slot: datetime, new: dict[str, int], back: int, until: datetime) -> list[dict[str, Any]]:
    """Its rows, `back` hours before the newest run: some failed, some found nothing, every sixth has a batch."""
    total = sum(new.values())
    failed = back in (8, 9, 40, 130)
    part: dict[str, Any] = {"fetched": 50, "error_class": None, "reason": None}
    if failed:
        trouble = {"error_class": "ServiceUnavailable", "reason": "Spotify answered 503 three times."}
        part = {"state": "failed", "fetched": 0, "new": 0, **trouble}
    listeners = {
        slug: {
            "state": "collected" if count else "nothing_new",
            "new": count,
            "consent_ends_at": (until + timedelta(days=5 + 60 * place)).isoformat(),
            **part,
        }
        for place, (slug, count) in enumerate(new.items())
    }
    ingest = _row(slot, "ingest", 0, total, details={"listeners": listeners})
    if failed:
        reason = "Spotify answered 503 three times; the next run picks the plays up."
        return [ingest | {"state": "failed", "error_class": "ServiceUnavailable", "reason": reason, "rows_new": 0}]
    if not total:
        return [ingest | {"state": "skipped", "reason": "No listener has played anything new."}]
    rows = [ingest, _row(slot, "load", 20, total)]
    if back == 0:
        return rows
    if slot.hour % 6:
        waits = {"state": "skipped", "reason": "The last batch is younger than six hours."}
        return [*rows, _row(slot, "transform", 40, total, **waits)]
    broken = {"state": "failed", "error_class": "BatchFailed", "reason": "The Spark batch ran out of memory."}
    batch = _row(slot, "top_tracks", 120, total, **(broken if back in range(30, 36) else {}))
    return [*rows, _row(slot, "transform", 40, total), batch]


def _row(slot: datetime, step: str, after_seconds: int, rows: int, **values: Any) -> dict[str, Any]:
    started = slot + timedelta(seconds=after_seconds)
    usual = {"state": "succeeded", "rows_in": rows, "rows_new": rows, "listeners": 3}
    empty = {"reason": None, "error_class": None, "blocked_until": pd.NaT, "details": None}
    instants = {"slot": slot, "started_at": started, "finished_at": started + timedelta(seconds=17)}
    return {"run_id": f"{slot:%Y%m%dT%H%M%SZ}", "step": step, **instants, **usual, **empty, **values}
