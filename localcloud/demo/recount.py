"""Computes the Spark job's tables again, in plain Python and without a line of the job, to check it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_PERIODS = {"last_7_days": 7, "last_28_days": 28, "last_365_days": 365, "all_time": None}
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_SHOWN = ("track_name", "artist_name", "artist_names", "album_name", "image_url")
_LASTING = (*_SHOWN, "artist_id", "album_id", "album_release_date", "duration_ms", "explicit")
_OF_ONE_PLAY = (
    "listener_id", "track_id", "popularity", "danceability", "energy", "speechiness", "acousticness",
    "instrumentalness", "liveness", "valence", "tempo", "features_source", "source",
)  # fmt: skip

_FEATURES = _OF_ONE_PLAY[3:-1]
_FACTS = (*_LASTING, "isrc")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Counted:
    """One recording's figures in one period."""

    plays: int
    listened_ms: int
    first: Row
    last: Row
    names: dict[str, Any]


def completed(plays: Iterable[Row], catalogue: Iterable[Row]) -> list[dict[str, Any]]:
    """The plays as the batch reads them: with what the catalogue knows of their tracks."""
    known = {row["track_id"]: row for row in catalogue}
    rows = []
    for play in plays:
        track = known.get(play["track_id"], {})
        facts = {name: track.get(name) for name in _FACTS if play[name] is None}
        features = {name: track[name] for name in _FEATURES} if track.get("energy") is not None else {}
        rows.append({**play, **facts, **features})
    return rows


def top_tracks(plays: Iterable[Row], as_of: datetime) -> list[dict[str, Any]]:
    """The rows `top_tracks` should hold for these `plays` rows, less run_id and computed_at; in its order."""
    by_listener: dict[str, list[Row]] = defaultdict(list)
    for play in plays:
        heard_ms = 30_000 if play["source"] == "api" and play["ms_played"] is None else play["ms_played"] or 0
        if play["played_at"] <= as_of and heard_ms >= 30_000:
            by_listener[play["listener_id"]].append(play)
    return [
        row
        for listener_id in sorted(by_listener)
        for period, days in sorted(_PERIODS.items())
        for row in _top_ten(by_listener[listener_id], period, days, as_of)
    ]


def _top_ten(plays: list[Row], period: str, days: int | None, as_of: datetime) -> list[dict[str, Any]]:
    recordings = {play["track_id"]: play["isrc"] for play in plays if play["isrc"]}
    if days is None:
        now, before = _count(plays, recordings, _BEGINNING, as_of), {}
    else:
        start = as_of - timedelta(days=days)
        now = _count(plays, recordings, start, as_of)
        before = _count(plays, recordings, start - timedelta(days=days), start)
    ordered = sorted(now.items(), key=_order)
    all_time = _count(plays, recordings, _BEGINNING, as_of)
    return [
        _row(period, position, recording, counted, now, before, as_of) | all_time[recording].names
        for position, (recording, counted) in enumerate(ordered[:10], start=1)
    ]


def _count(plays: list[Row], recordings: Mapping[str, str], after: datetime, until: datetime) -> dict[str, Counted]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for play in plays:
        if after < play["played_at"] <= until:
            groups[recordings.get(play["track_id"], play["track_id"])].append(play)
    counted = {}
    for recording, group in groups.items():
        played_ms = (play["duration_ms"] or 0 if play["ms_played"] is None else play["ms_played"] for play in group)
        in_order = sorted(group, key=lambda play: (play["played_at"], play["track_id"]))
        names = {name: _last_known(in_order, name) for name in _SHOWN}
        counted[recording] = Counted(len(group), sum(played_ms), in_order[0], in_order[-1], names)
    return counted


def _last_known(in_order: list[Row], name: str) -> Any:
    """The last value that is one: names are emptied when music is taken down."""
    return next((play[name] for play in reversed(in_order) if play[name] not in (None, "")), None)


def _order(item: tuple[str, Counted]) -> tuple[Any, ...]:
    counted, last = item[1], item[1].last
    return (-counted.plays, -counted.listened_ms, -last["played_at"].timestamp(), last["track_id"])


def _rank(recording: str, period: Mapping[str, Counted]) -> int | None:
    """One more than the recordings with more plays: equals share a rank."""
    if recording not in period:
        return None
    return 1 + sum(other.plays > period[recording].plays for other in period.values())


def _row(
    period: str,
    position: int,
    recording: str,
    counted: Counted,
    now: Mapping[str, Counted],
    before: Mapping[str, Counted],
    as_of: datetime,
) -> dict[str, Any]:
    last = counted.last
    return {
        "listener_id": last["listener_id"],
        "track_id": last["track_id"],
        "period": period,
        "rank": _rank(recording, now),
        "position": position,
        "plays": counted.plays,
        "minutes": counted.listened_ms / 60_000,
        "first_played_at": counted.first["played_at"],
        "last_played_at": last["played_at"],
        "previous_rank": _rank(recording, before),
        "as_of": as_of,
    }


def tracks(plays: Iterable[Row], as_of: datetime) -> list[dict[str, Any]]:
    """The rows `tracks` should hold for these `plays` rows, less run_id; in its order."""
    by_track: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for play in plays:
        if play["played_at"] <= as_of:
            by_track[play["listener_id"], play["track_id"]].append(play)
    return [_listed(sorted(by_track[key], key=lambda play: play["played_at"])) for key in sorted(by_track)]


def differing_tracks(found: Iterable[Row], plays: Iterable[Row], as_of: datetime) -> list[tuple[str, str]]:
    """Listener and track of the rows of `tracks` that are missing, too many or other than they should be."""
    is_row = {(row["listener_id"], row["track_id"]): {**row, "run_id": None} for row in found}
    should_be = {(row["listener_id"], row["track_id"]): {**row, "run_id": None} for row in tracks(plays, as_of)}
    return sorted(key for key in is_row.keys() | should_be.keys() if is_row.get(key) != should_be.get(key))


def _listed(in_order: list[Row]) -> dict[str, Any]:
    """The newest play of those that know most: from the API before exports, with features before those without."""
    knowing = sorted(in_order, key=lambda play: (play["source"] == "api", play["energy"] is not None))
    return {
        **{name: knowing[-1][name] for name in _OF_ONE_PLAY},
        **{name: _last_known(knowing, name) for name in _LASTING},
        "isrc": _last_known(in_order, "isrc"),
        "last_played_at": in_order[-1]["played_at"],
    }
