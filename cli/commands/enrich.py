"""Requests audio features from ReccoBeats for tracks that have none, as the hourly run does for a few each time.

ReccoBeats learns the ids of the tracks. Each call's answers are stored before the next call, so the command can be
stopped and run again at any time.
"""

import argparse
import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from google.cloud import bigquery

from cli.console import CliError, counted, pause, print_json, show, show_progress
from cli.place import Place
from cli.warehouse import Warehouse, instants, integer, string

HELP = "Fetch audio features of tracks that have none from ReccoBeats, now"

_TABLES = Path(__file__).parents[2] / "functions/ingest/tables"
_PLAYS = json.loads((_TABLES / "plays.json").read_text(encoding="utf-8"))
_BOUNDS = _PLAYS["bounds"] | json.loads((_TABLES / "catalogue.json").read_text(encoding="utf-8"))["bounds"]
_NAMES = [column["name"] for column in _PLAYS["columns"]]
FEATURES = _NAMES[_NAMES.index("danceability") : _NAMES.index("features_source")]
_TYPES = {column["name"]: {"INTEGER": "INT64", "FLOAT": "FLOAT64"}.get(column["type"]) for column in _PLAYS["columns"]}
_SOURCE = "reccobeats"
# As in functions/ingest: the longest list of one call, what an id looks like, and how long "unknown" is believed.
_IDS_PER_CALL, _ASKABLE, _UNKNOWN_FOR = 40, "^([0-9A-Za-z_-]{1,64})$", timedelta(days=30)
_LATELY = timedelta(days=28)
_TIMEOUT_SECONDS = 30
# Its limit is not published. A call a second is far from a burst.
_BETWEEN_CALLS_SECONDS = 1.0
_STORED = "The answers so far are stored. Run the command again"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tracks", type=int, default=1000, metavar="N", help="at most so many tracks (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="only print how many tracks have none")


def run(options: argparse.Namespace, place: Place) -> int:
    warehouse = Warehouse(place)
    unknown = _unknown_tracks(warehouse, place.now())
    track_ids = unknown[: max(0, options.tracks)]
    known = 0
    for start in range(0, 0 if options.dry_run else len(track_ids), _IDS_PER_CALL):
        if start:
            time.sleep(_BETWEEN_CALLS_SECONDS)
        ids = track_ids[start : start + _IDS_PER_CALL]
        answers = _fetch(place, ids)
        _store(warehouse, place.now(), ids, answers)
        known += len(answers)
        show_progress(start + len(ids), len(track_ids), "tracks")
    if options.json:
        asked = 0 if options.dry_run else len(track_ids)
        print_json({"unknown": len(unknown), "asked": asked, "known_now": known})
    elif options.dry_run:
        calls = math.ceil(len(track_ids) / _IDS_PER_CALL)
        show(
            f"Without audio features: {counted(len(unknown), 'track')}. Would request {len(track_ids):,} of them in "
            f"{counted(calls, 'call')}."
        )
    else:
        show(
            f"Requested {len(track_ids):,} of {counted(len(unknown), 'track')} without audio features: "
            f"{known:,} known now."
        )
    return 0


def _unknown_tracks(warehouse: Warehouse, now: datetime) -> list[str]:
    """In the order in which the hourly run requests them: by its own statement."""
    found = warehouse.run(
        "unknown_tracks",
        string("source", _SOURCE),
        string("askable", _ASKABLE),
        *instants(now=now, lately=now - _LATELY),
        integer("most", 1_000_000),
    )
    return [row.track_id for row in found]


def _fetch(place: Place, track_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The records of the tracks that ReccoBeats knows. It names them by their links, in any order."""
    url = (place.settings.get("RECCOBEATS_API_URL") or "https://api.reccobeats.com").rstrip("/")
    call = {"ids": ",".join(track_ids)}
    try:
        response = requests.get(f"{url}/v1/audio-features", params=call, timeout=_TIMEOUT_SECONDS)
        if response.status_code == 429:
            length = pause(response.headers.get("Retry-After"))
            raise CliError(f"ReccoBeats asks for a pause{length}. {_STORED} after the pause.")
        response.raise_for_status()
        records = list(response.json()["content"])
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        problem = f"ReccoBeats gave no answer that can be read ({type(error).__name__})"
        raise CliError(f"{problem}. {_STORED} later.") from None
    answers: dict[str, Mapping[str, Any]] = {}
    for record in (record for record in records if isinstance(record, dict)):
        track_id = str(record.get("href")).partition("?")[0].rsplit("/", 1)[-1]
        values = {name: _in_bounds(name, record.get(name)) for name in (*FEATURES, "isrc")}
        is_same = answers.setdefault(track_id, values) == values
        if track_id not in track_ids or not is_same or all(values[name] is None for name in FEATURES):
            answers[track_id] = {}
    return {track_id: values for track_id, values in answers.items() if values}


def _in_bounds(name: str, value: Any) -> Any:
    """NULL for what the column may not hold, by the bounds in the table files."""
    if name == "isrc":
        return value if isinstance(value, str) and re.fullmatch(_BOUNDS[name]["pattern"], value) else None
    kinds = int if _TYPES[name] == "INT64" else int | float
    if isinstance(value, bool) or not isinstance(value, kinds):
        return None
    return value if _BOUNDS[name]["minimum"] <= value <= _BOUNDS[name]["maximum"] else None


def _store(
    warehouse: Warehouse, now: datetime, track_ids: Sequence[str], answers: Mapping[str, Mapping[str, Any]]
) -> None:
    structs = []
    for track_id in track_ids:
        values = answers.get(track_id, {})
        features = [bigquery.ScalarQueryParameter(name, _TYPES[name], values.get(name)) for name in FEATURES]
        texts = [string("track_id", track_id), string("isrc", values.get("isrc")), string("features_source", _SOURCE)]
        again = instants(ask_again_at=None if values else now + _UNKNOWN_FOR)
        structs.append(bigquery.StructQueryParameter(None, *texts, *features, *again))
    warehouse.run("add_answers", bigquery.ArrayQueryParameter("answers", "STRUCT", structs), *instants(asked_at=now))
