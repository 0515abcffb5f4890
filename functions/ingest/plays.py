"""Parses a page of Spotify's recently played items into rows of the table `plays`. Pure.

Only a play's identity is indispensable. Anything else that is missing, of another type than the table's, or outside
the bounds of its column becomes NULL: Spotify has dropped fields before, and a play is worth more than its popularity.
"""

import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slots import Run

Row = dict[str, Any]
"""Keyed by the columns of plays.json, in their order."""

Key = tuple[str, datetime, str]
"""A play's identity: listener_id, played_at, track_id."""

TABLE = json.loads((Path(__file__).parent / "tables" / "plays.json").read_text(encoding="utf-8"))
COLUMNS: dict[str, str] = {column["name"]: column["type"] for column in TABLE["columns"]}
KEY: tuple[str, ...] = tuple(TABLE["primary_key"])
# What a value may be, where its type allows more. One row with an instant that no partition can hold would make
# BigQuery refuse the whole file; the longest duration is 24 days, and no sum of these overflows.
_BOUNDS: dict[str, dict[str, Any]] = TABLE["bounds"]
_PLAYED_AT = _BOUNDS["played_at"]


class UnreadableItem(Exception):
    """The item has no identity as a play; the text says why."""


@dataclass(frozen=True)
class RefusedItem:
    listener_id: str
    item: Any
    reason: str


def parse_page(items: Sequence[Any], listener_id: str, run: Run) -> tuple[list[Row], list[RefusedItem]]:
    """One row per play on the page, in its order, and the items that are not plays."""
    rows: dict[Key, Row] = {}
    refused = []
    for item in items:
        try:
            row = to_row(item, listener_id, run)
        except UnreadableItem as error:
            refused.append(RefusedItem(listener_id, item, str(error)))
        else:
            rows.setdefault(key_of(row), row)
    return list(rows.values()), refused


def key_of(row: Row) -> Key:
    return row["listener_id"], row["played_at"], row["track_id"]


def to_row(item: Any, listener_id: str, run: Run) -> Row:
    """The item's row, without audio features. Raises UnreadableItem."""
    if not isinstance(item, dict):
        raise UnreadableItem("the item is not an object")
    track = _track(item)
    values = {
        **_track_values(track),
        **_album_values(_object(track.get("album"))),
        "listener_id": listener_id,
        "played_at": _played_at(item.get("played_at"), run.started_at),
        "context_type": _object(item.get("context")).get("type"),
        "context_uri": _object(item.get("context")).get("uri"),
        "source": "api",
        "run_id": run.run_id,
        "ingested_at": _in_milliseconds(run.started_at),
    }
    return {name: to_column(name, values.get(name)) for name in COLUMNS}


def to_column(name: str, value: Any) -> Any:
    """The value as the column's type, NULL when it is of another or outside the column's bounds."""
    if name == "isrc":
        return _isrc(value)
    read, bound = _READERS[COLUMNS[name]](value), _BOUNDS.get(name, {})
    if read is not None and "pattern" in bound:
        return read if re.fullmatch(bound["pattern"], read) else None
    # Instants are not bounded here: they are ingest's own, but for `played_at`, which is required.
    is_outside = read is not None and "maximum" in bound and not bound["minimum"] <= read <= bound["maximum"]
    return None if is_outside else read


def _track(item: dict[str, Any]) -> dict[str, Any]:
    track = item.get("track")
    if not isinstance(track, dict):
        raise UnreadableItem("track is null or missing")
    kind = track.get("type")
    if kind not in (None, "track"):
        known = kind if isinstance(kind, str) and re.fullmatch("[a-z_]{1,40}", kind) else "unknown"
        raise UnreadableItem(f"it is of the type {known}, not a track")
    if track.get("is_local"):
        raise UnreadableItem("a local file has no track id")
    if not _text(track.get("id")):
        raise UnreadableItem("the track has no id")
    return track


def _track_values(track: dict[str, Any]) -> dict[str, Any]:
    artists = [_object(artist) for artist in _list(track.get("artists"))]
    names = [artist["name"] for artist in artists if _text(artist.get("name"))]
    # Of music that was taken down Spotify sends no name, and False and 0 for these two.
    known = track if _text(track.get("name")) else {}
    return {
        "track_id": track["id"],
        "track_name": track.get("name"),
        "artist_id": artists[0].get("id") if artists else None,
        "artist_name": artists[0].get("name") if artists else None,
        "artist_names": "; ".join(names) or None,
        "isrc": _object(track.get("external_ids")).get("isrc"),
        "duration_ms": track.get("duration_ms"),
        "explicit": known.get("explicit"),
        "popularity": known.get("popularity"),
    }


def _album_values(album: dict[str, Any]) -> dict[str, Any]:
    images = [image for image in map(_object, _list(album.get("images"))) if _text(image.get("url"))]
    largest = max(images, key=lambda image: _integer(image.get("width")) or 0, default={})
    return {
        "album_id": album.get("id"),
        "album_name": album.get("name"),
        "album_release_date": album.get("release_date"),
        "image_url": largest.get("url"),
    }


def _played_at(value: Any, now: datetime) -> datetime:
    """UTC, in milliseconds, as the table keeps it; Spotify sends a fraction, but need not."""
    if not isinstance(value, str):
        raise UnreadableItem("played_at is missing")
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise UnreadableItem("played_at is not an instant") from None
    if instant.tzinfo is None:
        raise UnreadableItem("played_at has no time zone")
    if instant < datetime.fromisoformat(_PLAYED_AT["minimum"]):
        raise UnreadableItem(f"played_at lies before {_PLAYED_AT['minimum']:.10}")
    if instant > now + timedelta(seconds=_PLAYED_AT["seconds_ahead"]):
        raise UnreadableItem("played_at lies in the future")
    return _in_milliseconds(instant.astimezone(UTC))


def _in_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    """The text, in UTF-8: JSON can spell half a surrogate pair, which no UTF-8 file can hold.

    A blank one is NULL: Spotify empties the names of what it has taken down (spotify/web-api#735). Names, ids and
    addresses come again and again on a page: equal texts are kept once.
    """
    if not isinstance(value, str) or not value.strip():
        return None
    return sys.intern(value.encode("utf-8", "replace").decode())


def _isrc(value: Any) -> str | None:
    """ISO 3901's one form: Spotify has some with hyphens, blanks or small letters (FoxxMD/multi-scrobbler#644)."""
    isrc = re.sub(r"[\s-]", "", _text(value) or "").upper()
    return isrc if re.fullmatch("[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", isrc) else None


def _integer(value: Any) -> int | None:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return value if is_integer and -(2**63) <= value < 2**63 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


_READERS: dict[str, Callable[[Any], Any]] = {
    "STRING": _text,
    "INTEGER": _integer,
    "FLOAT": _number,
    "BOOLEAN": lambda value: value if isinstance(value, bool) else None,
    "TIMESTAMP": lambda value: value if isinstance(value, datetime) else None,
}
