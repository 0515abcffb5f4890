"""Adds audio features to new plays: from the warehouse where it has them, else from the provider in the settings.

A provider's failure never costs a play: what cannot be had stays NULL, features_source included.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from google.cloud import bigquery

from failures import Failure, RequestRefused
from http_client import Call, HttpClient, Session, list_in
from ingest_log import log
from ingest_queries import run_query, string, timestamp
from plays import COLUMNS, Row, to_column
from slots import Run
from spotify import Spotify

# In plays.json's order: from danceability to time_signature.
_NAMES = [*COLUMNS]
FEATURES = tuple(_NAMES[_NAMES.index("danceability") : _NAMES.index("features_source")])
# What an id looks like, so that none can stand for several in the list of them, or make it endless.
ID_FORM = "[0-9A-Za-z_-]{1,64}"
# New releases lack features for weeks; then another request is worth it.
UNKNOWN_FOR = timedelta(days=30)

Records = Mapping[str, Mapping[str, Any]]
"""A provider's answers, by track id. Tracks it does not have are left out."""


@dataclass(frozen=True)
class Provider:
    name: str
    ids_per_call: int
    fetch: Callable[[Sequence[str]], Records]


def spotify_provider(spotify: Spotify) -> Provider:
    """Spotify itself: only for apps that had access before November 2024."""
    token = cache(spotify.fetch_client_token)

    def fetch(track_ids: Sequence[str]) -> Records:
        records = spotify.fetch_audio_features(token(), track_ids)
        return _by_track(records, lambda record: str(record.get("id")))

    return Provider("spotify", 100, fetch)


def reccobeats_provider(session: Session, url: str) -> Provider:
    """ReccoBeats: free and without a key, but it receives the track ids, so it is the owner's choice."""

    client = HttpClient(session)

    def fetch(track_ids: Sequence[str]) -> Records:
        records = client.fetch(
            Call("GET", f"{url}/v1/audio-features", params={"ids": ",".join(track_ids)}),
            lambda body: list_in(body, "content"),
            lambda status, _: RequestRefused(f"status {status}"),
        )
        # They come in any order and with ids of ReccoBeats' own: only the link has Spotify's id.
        return _by_track(records, lambda record: str(record.get("href")).partition("?")[0].rsplit("/", 1)[-1])

    return Provider("reccobeats", 40, fetch)


def _by_track(records: Sequence[Any], track_id: Callable[[Mapping[str, Any]], str]) -> Records:
    """A track that has two different answers has none: nothing says which is right."""
    answers: dict[str, Mapping[str, Any]] = {}
    for record in (record for record in records if isinstance(record, dict)):
        same = answers.setdefault(track_id(record), record)
        if any(same.get(name) != record.get(name) for name in FEATURES):
            answers[track_id(record)] = {}
    return answers


def add_features(client: bigquery.Client, run: Run, provider: Provider, rows: Sequence[Row]) -> list[Row]:
    """The same plays with what is known or can be fetched about their tracks."""
    track_ids = sorted({row["track_id"] for row in rows if re.fullmatch(ID_FORM, row["track_id"])})
    stored = run_query(
        client,
        "known_features",
        bigquery.ArrayQueryParameter("track_ids", "STRING", track_ids),
        string("source", provider.name),
        timestamp("unknown_since", run.started_at - UNKNOWN_FOR),
    )
    answers = {row["track_id"]: _to_columns(row["features_source"], row) for row in stored}
    answers |= fetch_features(provider, [track_id for track_id in track_ids if track_id not in answers])
    return [row | answers.get(row["track_id"], {}) for row in rows]


def fetch_features(provider: Provider, track_ids: Sequence[str]) -> dict[str, Row]:
    """The columns to fill, by track id. The first failure ends the calls for this run, not the run."""
    answers: dict[str, Row] = {}
    try:
        for start in range(0, len(track_ids), provider.ids_per_call):
            columns, _ = fetch_one_call(provider, track_ids[start : start + provider.ids_per_call])
            answers |= columns
    except Failure as failure:
        log(
            "WARNING",
            "Audio features could not be fetched; the plays land without them",
            provider=provider.name,
            tracks=len(track_ids) - len(answers),
            error_class=type(failure).__name__,
            reason=str(failure),
        )
    return answers


def fetch_one_call(provider: Provider, track_ids: Sequence[str]) -> tuple[dict[str, Row], dict[str, str | None]]:
    """Returns each track's columns and its ISRC, by track id; answers for other tracks are left out. Raises Failure.

    Values of another type than their columns', or outside their bounds, are logged: NULL where they were not.
    """
    records = provider.fetch(track_ids)
    columns = {track_id: _to_columns(provider.name, records.get(track_id, {})) for track_id in track_ids}
    lost = Counter(
        name
        for track_id, row in columns.items()
        for name in FEATURES
        if row[name] is None and records.get(track_id, {}).get(name) is not None
    )
    if lost:
        log("WARNING", "Audio features out of bounds became NULL", provider=provider.name, values=dict(lost))
    return columns, {track_id: to_column("isrc", records.get(track_id, {}).get("isrc")) for track_id in track_ids}


def _to_columns(source: str, record: Mapping[str, Any]) -> Row:
    features = {name: to_column(name, record.get(name)) for name in FEATURES}
    return {**features, "features_source": source}
