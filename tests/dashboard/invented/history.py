"""Small invented histories for the tests, built the way the warehouse's answers are."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from analysis import history, in_bounds, tops
from analysis.history import History
from analysis.periods import custom_period
from tests.seed import schema_of

OF_THE_LIST = ("listener_id", "source", "last_played_at", "run_id")
TRACK_COLUMNS = [name for name in schema_of("tracks").names if name not in OF_THE_LIST]


def at(text: str) -> datetime:
    """An instant in UTC: "2026-11-22 10:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = at("2026-11-22 12:00")
NOVEMBER = custom_period(date(2026, 11, 1), date(2026, 11, 22), "UTC", NOW)


def track(track_id: str, **values: Any) -> dict[str, Any]:
    """A track of three minutes by the artist Ada on the album Dawn, unless given otherwise."""
    usual = {
        "track_name": f"Song {track_id}",
        "artist_id": "ada",
        "artist_name": "Ada",
        "artist_names": values.get("artist_name", "Ada"),
        "album_id": "dawn",
        "album_name": "Dawn",
        "album_release_date": "1999",
        "duration_ms": 180_000,
    }
    return {"track_id": track_id, **usual, **values}


def play(when: str, track_id: str, **values: Any) -> dict[str, Any]:
    """A play that the API has listed, unless given otherwise."""
    usual = {"source": "api", "context_type": None, "ms_played": -1, "ending": None}
    return {"played_at": at(when), "track_id": track_id, **usual, **values}


def history_of(plays: Sequence[dict[str, Any]], tracks: Sequence[dict[str, Any]] | None = None) -> History:
    """A history of these plays; tracks without a description are like `track`."""
    described = {row["track_id"]: row for row in tracks or ()}
    ids = sorted({row["track_id"] for row in plays} | set(described))
    rows = [described.get(track_id, track(track_id)) for track_id in ids]
    known = pd.DataFrame(rows, columns=TRACK_COLUMNS).astype(dict.fromkeys(in_bounds.RANGES, "float64"))
    columns = ["played_at", "track_id", "source", "context_type", "ms_played", "ending"]
    frame = pd.DataFrame(list(plays), columns=columns)
    frame["played_at"] = pd.to_datetime(frame["played_at"], utc=True).astype("datetime64[ms, UTC]")
    frame = frame.sort_values(["played_at", "track_id"], ignore_index=True)
    return history.to_history(frame, known)


def gaps_of(*stretches: tuple[str, str]) -> pd.DataFrame:
    """Rows of `gaps`."""
    instants = [(pd.Timestamp(at(start)), pd.Timestamp(at(end))) for start, end in stretches]
    frame = pd.DataFrame(instants, columns=["gap_start", "gap_end"])
    return frame.astype("datetime64[us, UTC]")


def top_ten(counted: History, as_of: datetime, days: int | None) -> pd.DataFrame:
    """What `top_tracks` should hold for the days up to `as_of`, less its bookkeeping, as the app counts it."""
    plays, length = counted.local("UTC"), timedelta(days=days or 0)
    ended_at = plays["played_at"]
    of_period = plays[ended_at <= as_of] if days is None else plays[(ended_at <= as_of) & (ended_at > as_of - length)]
    before = None if days is None else plays[(ended_at <= as_of - length) & (ended_at > as_of - 2 * length)]
    rows = tops.top(counted, of_period, "Tracks", "Plays", before)
    names = ["track_name", "artist_name", "artist_names", "album_name", "image_url"]
    about = counted.tracks.set_index("track_id").loc[rows["key"], names].reset_index()
    columns = ["rank", "position", "plays", "minutes", "first_played_at", "last_played_at", "previous_rank"]
    return pd.concat([about, rows.assign(position=rows.index + 1)[columns]], axis=1)
