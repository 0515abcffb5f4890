"""Bounds of stored values: rows and values outside of them are left out, whatever the columns' types allow.

Load refuses such rows; these came another way, or before. A play of the year 1 has no day on a page, and a tempo of
1e12 no bar. The bounds are those of the table file of `plays`.
"""

from datetime import UTC, datetime

import pandas as pd

EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""Far ahead, because a clock that was wrong once has put its plays somewhere; further no calendar needs to go."""
LONGEST_MS = 2**31 - 1
LONGEST_HEARD_MS = 86_400_000
RELEASE_DATE = "[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
RANGES: dict[str, tuple[int, int]] = {
    "duration_ms": (1, LONGEST_MS),
    "popularity": (0, 100),
    "tempo": (0, 500),
    **dict.fromkeys(("danceability", "energy", "speechiness", "acousticness"), (0, 1)),
    **dict.fromkeys(("instrumentalness", "liveness", "valence"), (0, 1)),
}


def plays(rows: pd.DataFrame) -> pd.DataFrame:
    """Plays of `history.to_plays` within the calendar; an impossible duration is unknown, -1."""
    ms_played = rows["ms_played"].where(rows["ms_played"].between(0, LONGEST_HEARD_MS), -1)
    return rows.assign(ms_played=ms_played)[_in_calendar(rows["played_at"])].reset_index(drop=True)


def tracks(rows: pd.DataFrame) -> pd.DataFrame:
    """Tracks with every value out of bounds NULL."""
    numbers = {name: pd.to_numeric(rows[name]) for name in RANGES}
    kept = {name: number.where(number.between(*RANGES[name])) for name, number in numbers.items()}
    dates = rows["album_release_date"]
    is_date = dates.astype("string").str.fullmatch(RELEASE_DATE).fillna(False).astype(bool)
    return rows.assign(**kept, album_release_date=dates.astype(object).where(is_date, None))


def top_tracks(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `top_tracks` whose counts, minutes and instants are possible."""
    counted = (rows[["rank", "position", "plays"]] >= 1).all(axis=1) & (rows["plays"] <= LONGEST_MS)
    known = counted & rows["minutes"].between(0, float(LONGEST_MS))
    for name in ("first_played_at", "last_played_at", "as_of", "computed_at"):
        known &= _in_calendar(rows[name])
    return rows[known].reset_index(drop=True)


def gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """Gaps, cut to the calendar."""
    cut = rows.assign(**{name: rows[name].clip(EARLIEST, LATEST) for name in ("gap_start", "gap_end")})
    return cut[cut["gap_start"] <= cut["gap_end"]].reset_index(drop=True)


def _in_calendar(instants: "pd.Series[pd.Timestamp]") -> "pd.Series[bool]":
    return (instants >= EARLIEST) & (instants < LATEST)
