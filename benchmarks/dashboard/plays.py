"""Invented plays for the dashboard's figures: ten years of a heavy listener in a second, the same for the same seed."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

TRACKS = 6_000
ARTISTS = 900
_FIRST_DAY, _DAYS = datetime(2016, 11, 22, tzinfo=UTC), 3653


def plays(count: int = 115_000, seed: int = 1) -> pd.DataFrame:
    """Rows of the table `plays` with every column that Spotify's API and a feature provider fill."""
    rng = np.random.default_rng(seed)
    tracks = _tracks(rng)
    # A few favourites take most plays, and a track is not played before it was found.
    day = np.sort(rng.integers(0, _DAYS, count))
    found = np.minimum((day / _DAYS * TRACKS * 0.9).astype(int) + 300, TRACKS)
    track = (found * rng.beta(1.2, 1.6, count)).astype(int)
    habits = np.array([1, 0.4, 0.2, 0.1, 0.1, 0.3, 1.5, 4, 6, 5, 4, 4, 4, 4, 4, 4, 5, 7, 6, 5, 5, 5, 4, 2])
    hour = rng.choice(24, count, p=habits / habits.sum())
    ms = (day * 86_400 + hour * 3600 + rng.integers(0, 3600, count)) * 1000 + rng.integers(0, 1000, count)
    played_at = pd.to_datetime(int(_FIRST_DAY.timestamp() * 1000) + ms, unit="ms", utc=True)
    rows = tracks.iloc[track].reset_index(drop=True).assign(played_at=played_at)
    return rows.sort_values(["played_at", "track_id"], ignore_index=True).drop_duplicates(["played_at", "track_id"])


def listed(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table `tracks`, as the Spark job lists these plays, which are in order."""
    return rows.drop_duplicates("track_id", keep="last").rename(columns={"played_at": "last_played_at"})


def _tracks(rng: Any) -> pd.DataFrame:
    artist = np.minimum(rng.geometric(1 / 120, TRACKS), ARTISTS)
    album = artist * 8 + rng.integers(0, 8, TRACKS)
    second = np.where(
        rng.random(TRACKS) < 0.2, "; Invented Artist " + pd.Series(rng.integers(1, ARTISTS, TRACKS)).astype(str), ""
    )
    names = "Invented Artist " + pd.Series(artist).astype(str)
    features = {
        name: rng.beta(2, 2, TRACKS).round(3)
        for name in ("danceability", "energy", "speechiness", "acousticness", "instrumentalness", "liveness", "valence")
    }
    isrc = np.where(np.arange(TRACKS) % 50 == 1, np.arange(TRACKS) - 1, np.arange(TRACKS))
    return pd.DataFrame(
        {
            "listener_id": "listener-one",
            "track_id": [f"{n:022d}" for n in range(TRACKS)],
            "track_name": [f"Invented Song {n}" for n in range(TRACKS)],
            "artist_id": [f"artist{n:016d}" for n in artist],
            "artist_name": names,
            "artist_names": names + second,
            "album_id": [f"album{n:017d}" for n in album],
            "album_name": [f"Invented Album {n}" for n in album],
            "album_release_date": [f"{1960 + n % 66}-03-01" for n in album],
            "image_url": [f"https://i.scdn.co/image/ab67616d0000b273{n:024x}" for n in album],
            "isrc": [f"XXHR1{n:07d}" for n in isrc],
            "duration_ms": rng.normal(215_000, 45_000, TRACKS).clip(60_000).astype(int),
            "explicit": rng.random(TRACKS) < 0.1,
            "popularity": None,
            "context_type": "playlist",
            "context_uri": "spotify:playlist:0123456789abcdefghijkl",
            "ms_played": 200_000,
            "reason_end": "trackdone",
            "skipped": False,
            **features,
            "tempo": rng.normal(120, 25, TRACKS).clip(60, 200).round(1),
            "key": rng.integers(-1, 12, TRACKS),
            "loudness": -rng.gamma(4, 2, TRACKS).round(1),
            "mode": rng.integers(0, 2, TRACKS),
            "features_source": "reccobeats",
            "source": "api",
        }
    )
