"""Invented plays as Parquet files, as many as wanted: each listener has favourites of their own, by Zipf's law."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

AS_OF = datetime(2026, 11, 22, 10, tzinfo=UTC)
_ROWS_PER_FILE = 500_000
_FEATURES = ("danceability", "energy", "speechiness", "acousticness", "instrumentalness", "liveness", "valence")
_NAMES = ("track_name", "artist_id", "artist_name", "artist_names", "album_id", "album_name", "album_release_date")
_YEAR_US = 365 * 86_400 * 10**6


@dataclass(frozen=True)
class Shape:
    """How many listeners played how much in how many years, from how many tracks."""

    listeners: int
    plays: int
    years: int
    tracks: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`LISTENERS,PLAYS,YEARS,TRACKS`. Raises ValueError."""
        listeners, plays, years, tracks = (int(number) for number in text.split(","))
        if min(listeners, plays, years, tracks) < 1:
            raise ValueError("A shape's numbers are 1 or more")
        return cls(listeners, plays, years, tracks)

    def __str__(self) -> str:
        return f"{self.plays:,} plays of {self.listeners:,} listeners in {self.years} years, {self.tracks:,} tracks"


def write_plays(directory: Path, shape: Shape) -> int:
    """Writes the plays into `directory`; returns the bytes. The same shape gives the same rows."""
    directory.mkdir(parents=True)
    rng = np.random.default_rng(1)
    catalogue = _catalogue(shape.tracks, rng)
    for number, start in enumerate(range(0, shape.plays, _ROWS_PER_FILE)):
        rows = min(_ROWS_PER_FILE, shape.plays - start)
        pq.write_table(_plays(rows, shape, catalogue, rng), directory / f"part-{number:05}.parquet")
    return sum(path.stat().st_size for path in directory.glob("*.parquet"))


def _plays(rows: int, shape: Shape, catalogue: pa.Table, rng: np.random.Generator) -> pa.Table:
    """One play in a thousand is stored twice, a third is from an export alone, a few were too short to count."""
    listener = rng.integers(0, shape.listeners, rows)
    weights = np.cumsum(1 / np.arange(1, shape.tracks + 1))
    favourite = np.searchsorted(weights, rng.random(rows) * weights[-1])
    track = (favourite * 7919 + listener * 31_337) % shape.tracks
    from_api, is_emptied = rng.random(rows) < 2 / 3, rng.random(rows) < 0.005
    until_us = int(AS_OF.timestamp()) * 10**6
    played_at = until_us - rng.integers(0, shape.years * _YEAR_US, rows) // 1000 * 1000
    ms_played = pa.array(rng.integers(20_000, 300_000, rows), mask=from_api)
    of_track = catalogue.take(pa.array(track))
    api_only = {"image_url", "isrc", "popularity", "album_id", "artist_id", "album_release_date", "explicit"}
    columns: dict[str, Any] = {
        "listener_id": _numbered("listener-", listener),
        "played_at": pa.array(played_at, pa.timestamp("us", "UTC")),
        "ms_played": ms_played,
        "source": pc.if_else(pa.array(from_api), "api", "export"),
    }
    for name in of_track.column_names:
        column = of_track[name].combine_chunks()
        if name in api_only:
            column = pc.if_else(pa.array(from_api), column, pa.scalar(None, column.type))
        if name in _NAMES:
            column = pc.if_else(pa.array(is_emptied), "", column)
        columns[name] = column
    table = pa.table(columns)
    again = pa.array(np.flatnonzero(rng.random(rows) < 0.001))
    return pa.concat_tables([table, table.take(again)])


def _catalogue(tracks: int, rng: np.random.Generator) -> pa.Table:
    """Every fiftieth track is a second id of the one before it; ids are as evenly spread as Spotify's."""
    number = np.arange(tracks)
    album, artist = number // 10, number // 100
    ids = [hashlib.sha256(str(n).encode()).hexdigest()[:22] for n in number]
    return pa.table(
        {
            "track_id": ids,
            "track_name": _numbered("Invented Song ", number),
            "artist_id": [ids[n] for n in artist],
            "artist_name": _numbered("Invented Artist ", artist),
            "artist_names": _numbered("Another; Invented Artist ", artist),
            "album_id": [ids[n] for n in album],
            "album_name": _numbered("Invented Album ", album),
            "album_release_date": _numbered("", 1960 + album % 66),
            "image_url": [f"https://i.scdn.co/image/ab67616d0000b273{ids[n]}" for n in album],
            "isrc": _numbered("ZZAAA", np.where(number % 50 == 1, number - 1, number)),
            "duration_ms": rng.integers(90_000, 400_000, tracks),
            "explicit": rng.random(tracks) < 0.1,
            "popularity": rng.integers(0, 101, tracks),
            "tempo": rng.uniform(60, 200, tracks).round(3),
            "features_source": np.full(tracks, "reccobeats"),
            **{name: rng.beta(2, 2, tracks).round(3) for name in _FEATURES},
        }
    )


def _numbered(prefix: str, numbers: Any) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pc.cast(pa.array(numbers), pa.string()), "")
