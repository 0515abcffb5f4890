"""Parses a row of Spotify's "Extended streaming history" into a play, or says why it is none. Pure.

What the rows look like: facts of the files themselves and of the importers of other projects; Spotify's page
https://support.spotify.com/article/understanding-my-data/ describes the columns. Only what a play needs is read:
addresses, countries, user names and devices, which are there too, go nowhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from plays import TABLE

Kind = Literal["podcast episode", "audiobook", "local file", "no track id", "unreadable"]
KINDS: tuple[Kind, ...] = ("podcast episode", "audiobook", "local file", "no track id", "unreadable")

COUNTS_FROM_MS = 30_000
"""A play of an export counts from here on, as in the Spark job and the dashboard."""

OF_IMPORT = ("import_id", "ms_played_import_id")
"""The columns by which an import can be undone. They mean something in one warehouse only."""


class Manner(NamedTuple):
    """How a play began and ended, by the names that Spotify and `plays` have for it. None: the row does not say."""

    reason_start: str | None = None
    reason_end: str | None = None
    skipped: bool | None = None
    shuffle: bool | None = None
    incognito_mode: bool | None = None


FROM_EXPORT = ("ms_played", "reported_at", *Manner._fields)
"""The columns that only an export has a value for."""

EXPORTED_BY = "exported_by"
"""What rows of `export` in Spotify's form name the listener by and Spotify's own never have: each is a play, and they
prove nothing about what is missing."""

_BOUNDS = TABLE["bounds"]
_FIRST_INSTANT = datetime.fromisoformat(_BOUNDS["played_at"]["minimum"])
_AHEAD = timedelta(seconds=_BOUNDS["played_at"]["seconds_ahead"])
_LONGEST_MS = _BOUNDS["ms_played"]["maximum"]
_PLAUSIBLE_SECONDS = range(int(_FIRST_INSTANT.timestamp()), 2**31)
_KEPT_LETTERS = 1000
# As seconds, this would be in the year 5138.
_FIRST_MILLISECONDS = 10**11
_REASON = re.compile(_BOUNDS["reason_end"]["pattern"])
_FLAGS = {True: True, "true": True, "1": True, False: False, "false": False, "0": False}
_TRACK_URI = re.compile("spotify:track:([0-9A-Za-z]{22})")
_EPISODE = ("spotify_episode_uri", "episode_name", "episode_show_name")
_AUDIOBOOK = ("audiobook_uri", "audiobook_title", "audiobook_chapter_uri", "audiobook_chapter_title")


class ExportedPlay(NamedTuple):
    """One play of the listener whose export it is. A tuple: millions are made and thrown away."""

    played_at: datetime
    """When it ended, in UTC; of a row of a file its `ts`, in whole seconds, which may be late: see play_times.py."""
    track_id: str
    track_name: str | None
    artist_name: str | None
    """The album's artist: an export names no other."""
    album_name: str | None
    ms_played: int | None
    """None: the export says more than any track lasts, so it is not known."""
    started_at: datetime | None = None
    """Where the row has an `offline_timestamp`, in whole seconds: files have it in seconds or in milliseconds."""
    reported_at: datetime | None = None
    """The row's `ts`, where that is not `played_at`."""
    manner: Manner = Manner()
    is_own: bool = False
    """Whether the row has the mark of `export`."""
    row: tuple[Any, ...] | None = None
    """In the order of the columns of `plays`, where a file of `export` has the play."""

    @property
    def counts(self) -> bool:
        return self.ms_played is not None and self.ms_played >= COUNTS_FROM_MS


@dataclass(frozen=True)
class LeftOut:
    """A row that is not stored, and why."""

    kind: Kind
    reason: str = ""
    """For the kind `unreadable`: what is wrong. Nothing of the row itself."""
    is_lost: bool = False
    """Whether it may be a play of a track: then one is missing where the row stands."""


class Unreadable(Exception):
    """The text says what is wrong with the row."""


def parse_row(row: Any, now: datetime) -> ExportedPlay | LeftOut:
    try:
        return _parse(row, now)
    except Unreadable as error:
        return LeftOut("unreadable", str(error), is_lost=True)


def _parse(row: Any, now: datetime) -> ExportedPlay | LeftOut:
    if not isinstance(row, Mapping):
        raise Unreadable("it is not an object")
    uri = row.get("spotify_track_uri")
    if not uri:
        if any(row.get(name) for name in _EPISODE):
            return LeftOut("podcast episode")
        if any(row.get(name) for name in _AUDIOBOOK):
            return LeftOut("audiobook")
        return LeftOut("no track id", is_lost=bool(row.get("master_metadata_track_name")))
    if isinstance(uri, str) and uri.startswith("spotify:local:"):
        return LeftOut("local file")
    played_at = _played_at(row.get("ts"), now)
    track_uri = _TRACK_URI.fullmatch(uri) if isinstance(uri, str) else None
    if track_uri is None:
        raise Unreadable("spotify_track_uri is not that of a track")
    return ExportedPlay(
        played_at=played_at,
        track_id=track_uri[1],
        track_name=_text(row.get("master_metadata_track_name")),
        artist_name=_text(row.get("master_metadata_album_artist_name")),
        album_name=_text(row.get("master_metadata_album_album_name")),
        ms_played=_ms_played(row.get("ms_played")),
        started_at=_started_at(row.get("offline_timestamp")),
        manner=_manner(row),
        is_own=EXPORTED_BY in row,
    )


def _played_at(value: Any, now: datetime) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            raise ValueError
        if instant.tzinfo is not UTC:
            instant = instant.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Unreadable("ts is not an instant with a time zone") from None
    in_time("ts", instant, now)
    # Spotify has no fractions. Another program's would make a second play of the same row in Spotify's own file.
    return instant.replace(microsecond=0) if instant.microsecond else instant


def in_time(name: str, instant: datetime, now: datetime) -> None:
    """Raises Unreadable for an instant at which no play can have ended."""
    if instant < _FIRST_INSTANT:
        raise Unreadable(f"{name} lies before {_FIRST_INSTANT:%Y-%m-%d}")
    if instant > now + _AHEAD:
        raise Unreadable(f"{name} lies in the future")


def _started_at(value: Any) -> datetime | None:
    """None for what is not an instant: 0 and null are usual."""
    value = _whole(value)
    if value is None:
        return None
    seconds = value // 1000 if value >= _FIRST_MILLISECONDS else value
    return datetime.fromtimestamp(seconds, UTC) if seconds in _PLAUSIBLE_SECONDS else None


def _whole(value: Any) -> int | None:
    """Also of 200000.0, as other programs write a column in which a value is missing."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _ms_played(value: Any) -> int | None:
    """Unit: milliseconds."""
    value = _whole(value)
    if value is None or value < 0:
        raise Unreadable("ms_played is not a number of milliseconds")
    return value if value <= _LONGEST_MS else None


def _manner(row: Mapping[str, Any]) -> Manner:
    values = tuple(map(row.get, Manner._fields))
    try:
        return _read_manner(*values)
    except TypeError:  # a list or an object cannot be looked up
        return _read_manner.__wrapped__(*values)


@lru_cache(1 << 10)
def _read_manner(reason_start: Any, reason_end: Any, *flags: Any) -> Manner:
    return Manner(_reason(reason_start), _reason(reason_end), *map(_flag, flags))


def _reason(value: Any) -> str | None:
    return value if isinstance(value, str) and _REASON.fullmatch(value) else None


def _flag(value: Any) -> bool | None:
    """Also of 0, 1 and words, as files of the early years and other programs have them."""
    if isinstance(value, str):
        return _FLAGS.get(value.lower())
    return _FLAGS.get(value) if isinstance(value, bool | int | float) else None


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    # Of rows that are left out nothing else is kept, and a name may have a million letters.
    return _storable(value) if len(value) < _KEPT_LETTERS else _storable.__wrapped__(value)


@lru_cache(1 << 16)
def _storable(text: str) -> str:
    """JSON can spell half a surrogate pair, which no UTF-8 file can hold."""
    return text.encode("utf-8", "replace").decode()
