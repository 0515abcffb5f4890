"""Holds everything the demo reports against the truth: each check names a figure, what it must be and what it is."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from localcloud import ledger
from localcloud.demo.plays import read_plays
from localcloud.demo.recount import differing_tracks, top_tracks
from localcloud.demo.story import Story, Truth
from localcloud.gcp.credentials import bearer
from localcloud.supervisor import Laptop


@dataclass(frozen=True)
class Check:
    name: str
    expected: Any
    found: Any

    @property
    def holds(self) -> bool:
        return bool(self.expected == self.found)


def check_everything(laptop: Laptop, story: Story, truth: Truth) -> Iterator[Check]:
    runs = ledger.read(laptop.settings, "SELECT * FROM `{dataset}.runs`")
    yield from _check_plays(laptop, truth)
    yield from _check_runs(runs, truth)
    yield from _check_story(laptop, runs, story)
    yield from _check_top_tracks(laptop, runs, truth)
    yield from _check_secrets(laptop, story)


def _check_plays(laptop: Laptop, truth: Truth) -> Iterator[Check]:
    rows = list(read_plays(laptop.settings))
    stored = {(row["listener_id"], row["played_at"], row["track_id"]): row for row in rows}
    yield Check("plays stored", len(truth.plays), len(rows))
    yield Check("plays that Spotify showed and that are not stored", 0, len(truth.plays.keys() - stored.keys()))
    yield Check("plays that nobody heard", 0, len(stored.keys() - truth.plays.keys()))
    yield Check("plays counted twice", 0, len(rows) - len(stored))
    wrong = Counter(
        column
        for key in truth.plays.keys() & stored.keys()
        if stored[key] != truth.plays[key]
        for column, value in truth.plays[key].items()
        if stored[key][column] != value
    )
    yield Check("plays that differ, by column", {}, dict(wrong))
    gaps = ledger.read(laptop.settings, "SELECT * FROM `{dataset}.gaps`")
    found = sorted((row["listener_id"], row["gap_start"], row["gap_end"], row["run_id"]) for row in gaps)
    yield Check("gaps", sorted(truth.gaps), found)


def _check_runs(runs: list[dict[str, Any]], truth: Truth) -> Iterator[Check]:
    """Every slot has its row, and no row says what did not happen."""
    expected = Counter(
        ("ingest", "succeeded" if slot in truth.landed else "skipped", items, truth.landed.get(slot, 0))
        for slot, items in truth.asked.items()
    )
    ingest = [row for row in runs if row["step"] == "ingest"]
    found = Counter(("ingest", row["state"], row["rows_in"], row["rows_new"] or 0) for row in ingest)
    yield Check("hours with a run", len(truth.asked), len({row["slot"] for row in ingest}))
    yield Check("rows of the ledger that differ for ingest", Counter(), (expected - found) + (found - expected))
    landed = {(slot, new) for slot, new in truth.landed.items()}
    loads = {(row["slot"], row["rows_new"]) for row in runs if (row["step"], row["state"]) == ("load", "succeeded")}
    yield Check("files loaded", len(landed), len(loads))
    yield Check("loads that inserted something else than was landed", set(), landed ^ loads)
    yield Check("rows of failed steps", 0, sum(row["state"] == "failed" for row in runs))
    yield Check("rows that stand twice", 0, len(runs) - len({(r["run_id"], r["step"], r["state"]) for r in runs}))


def _check_story(laptop: Laptop, runs: list[dict[str, Any]], story: Story) -> Iterator[Check]:
    """The revoked listener costs nobody anything, and the ledger says from when on."""
    without = [row for row in runs if row["step"] == "ingest" and row["error_class"] == "NeedsConsent"]
    after = [row for row in runs if row["step"] == "ingest" and row["slot"] >= story.revocation_at]
    yield Check("runs that say whose consent is missing", len(after), len(without))
    yield Check("first of them", story.revocation_at, min((row["slot"] for row in without), default=None))
    given_up = laptop.pending()["given_up"]
    yield Check("events given up", [], given_up)


def _check_top_tracks(laptop: Laptop, runs: list[dict[str, Any]], truth: Truth) -> Iterator[Check]:
    """The newest batch's tables against a recount of the plays that had been shown by then."""
    rows = ledger.read(laptop.settings, "SELECT * FROM `{dataset}.top_tracks`")
    submitted = {row["run_id"] for row in runs if (row["step"], row["state"]) == ("transform", "succeeded")}
    finished = {row["run_id"] for row in runs if (row["step"], row["state"]) == ("top_tracks", "succeeded")}
    yield Check("batches finished", submitted, finished)
    newest = max(submitted, default="")
    as_of = max((row["as_of"] for row in rows), default=datetime.min.replace(tzinfo=UTC))
    plays = [row for row in truth.plays.values() if row["run_id"] <= newest]
    recount = top_tracks(plays, as_of)
    yield Check("run that set the newest batch off", {newest}, {row["run_id"] for row in rows})
    yield Check("rows of the top ten", len(recount), len(rows))
    unlike = [row for row in recount if row not in [_without_stamps(found) for found in rows]]
    yield Check("rows of the top ten that a recount finds different", [], unlike)
    listed = ledger.read(laptop.settings, "SELECT * FROM `{dataset}.tracks`")
    yield Check("tracks that a recount finds different", [], differing_tracks(listed, plays, as_of))


def _without_stamps(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("run_id", "computed_at")}


def _check_secrets(laptop: Laptop, story: Story) -> Iterator[Check]:
    """The rotated token is kept, the one before it costs nothing more, and no token is anywhere else."""
    states = _version_states(laptop, f"refresh-token-{story.rotated}")
    yield Check("versions of the rotated token's secret", {"ENABLED": 1, "DESTROYED": 1}, states)
    yield Check("files that hold a token or a secret", [], _leaks(laptop))


def _version_states(laptop: Laptop, secret: str) -> dict[str, int]:
    settings = laptop.settings
    project = f"{settings['SECRETMANAGER_EMULATOR_HOST']}/v1/projects/{settings['GOOGLE_CLOUD_PROJECT']}"
    answer = requests.get(f"{project}/secrets/{secret}/versions", headers=bearer(settings), timeout=10)
    answer.raise_for_status()
    return dict(Counter(version["state"] for version in answer.json()["versions"]))


def _leaks(laptop: Laptop) -> list[str]:
    """Names of logs and objects in which a token, a code or the client's secret can be read."""
    secrets = [secret.encode() for secret in _secrets(laptop)]
    places = [path for folder in ("logs", "buckets") for path in (laptop.directory / folder).rglob("*")]
    return [str(path) for path in places if path.is_file() and _holds(path, secrets)]


def _holds(path: Path, secrets: list[bytes]) -> bool:
    content = path.read_bytes()
    return any(secret in content for secret in secrets)


def _secrets(laptop: Laptop) -> Iterator[str]:
    yield laptop.control("spotify", "GET", "app")["client_secret"]
    state = json.loads((laptop.directory / "spotify.json").read_text())
    for consent in state["consents"]:
        yield from (*consent["tokens"], *consent["revoked"])
    yield from state["access"]
