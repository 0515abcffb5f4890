"""The invented catalogue: artists, albums and tracks that do not exist, the same for the same seed.

It has what makes real catalogues hard: recordings under two ids with one ISRC, several credited artists, release
dates of three precisions, tracks without ISRC or audio features, and names that break careless code.
"""

import bisect
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Literal

from localcloud.listeners import names
from localcloud.listeners.names import seeded

GENRES = ("ambient", "folk", "rock", "electronic", "jazz", "pop", "spoken", "orchestral")
_ARTISTS_PER_GENRE = 40
_FIRST_RELEASE, _MOST_RELEASES, _LAST_RELEASE = date(1968, 1, 1), date(2026, 9, 1), date(2028, 12, 31)
# A Spotify id is a 128-bit number: 22 characters at most, the first of them never above 7.
_BASE_62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

Precision = Literal["year", "month", "day"]


@dataclass(frozen=True, slots=True)
class Artist:
    id: str
    name: str
    genre: str
    """For the taste of invented listeners; Spotify sends no genre with a play."""


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """One object per album of a catalogue, so that identity is equality (and hashing is quick)."""

    id: str
    name: str
    album_type: Literal["album", "single"]
    artists: tuple[Artist, ...]
    release_date: str
    release_date_precision: Precision
    total_tracks: int
    image_urls: Mapping[int, str]
    """Address of the cover by its width and height in pixels, the largest first."""
    released_on: date
    """The first day the release date can mean."""


@dataclass(frozen=True, slots=True)
class AudioFeatures:
    danceability: float
    energy: float
    key: int
    loudness: float
    mode: int
    speechiness: float
    acousticness: float
    instrumentalness: float
    liveness: float
    valence: float
    tempo: float
    time_signature: int


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One object per track of a catalogue, as with albums."""

    id: str
    name: str
    artists: tuple[Artist, ...]
    album: Album
    disc_number: int
    track_number: int
    duration_ms: int
    explicit: bool
    isrc: str | None
    popularity: int
    features: AudioFeatures | None
    """None: Spotify never analysed it."""
    reccobeats_id: str | None
    """None: ReccoBeats does not know it. It gives the same features, except the time signature."""


class Catalogue:
    """All albums and tracks, by what listeners and servers look them up."""

    def __init__(self, tracks_by_album: Sequence[tuple[Album, tuple[Track, ...]]], editions: Mapping[str, str]) -> None:
        ordered = sorted(tracks_by_album, key=lambda entry: (entry[0].released_on, entry[0].id))
        self.albums = [album for album, _ in ordered]
        self.tracks_of = {album.id: tracks for album, tracks in ordered}
        self.tracks = {track.id: track for _, tracks in ordered for track in tracks}
        self._albums_by_id = {album.id: album for album in self.albums}
        self._editions = editions
        self._released = [album.released_on for album in self.albums]

    def released_between(self, first: date, last: date) -> list[Album]:
        """Albums released from the first to the last day, both included, the oldest first."""
        return self.albums[bisect.bisect_left(self._released, first) : bisect.bisect_right(self._released, last)]

    def reissue_of(self, album: Album) -> Album | None:
        """The same recordings under other ids, if there is such an edition."""
        return self._albums_by_id.get(self._editions.get(album.id, ""))


@cache
def invent_catalogue(seed: int) -> Catalogue:
    return Catalogue(*_Inventor(seeded(seed, "catalogue")).invent())


def spotify_id(rng: Random) -> str:
    number, digits = rng.getrandbits(128), ""
    while len(digits) < 22:
        number, remainder = divmod(number, 62)
        digits = _BASE_62[remainder] + digits
    return digits


class _Inventor:
    """Draws one artist, album and track after the other; keeps count of the ISRCs given out."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._artists: list[Artist] = []
        self._albums: list[tuple[Album, tuple[Track, ...]]] = []
        self._editions: dict[str, str] = {}
        self._recordings = 0

    def invent(self) -> tuple[list[tuple[Album, tuple[Track, ...]]], dict[str, str]]:
        self._artists = [
            Artist(spotify_id(self._rng), names.artist_name(self._rng), genre)
            for genre in GENRES
            for _ in range(_ARTISTS_PER_GENRE)
        ]
        for artist in self._artists:
            for _ in range(self._rng.randint(1, 6)):
                self._invent_album(artist)
        self._invent_awkward()
        return self._albums, self._editions

    def _invent_album(self, artist: Artist) -> None:
        size = self._rng.choice((1, 2, 7, 9, 10, 11, 12, 14))
        titles = [names.track_name(self._rng) for _ in range(size)]
        artists = (artist, self._guest(artist)) if self._rng.random() < 0.06 else (artist,)
        name = names.album_name(self._rng)
        # Any day since records began here, recent ones more often; some are still to come.
        first, most, last = (day.toordinal() for day in (_FIRST_RELEASE, _MOST_RELEASES, _LAST_RELEASE))
        released_on = date.fromordinal(int(self._rng.triangular(first, last, most)))
        album = self._album(name, artists, size, released_on)
        tracks = self._tracks(album, titles)
        self._albums.append((album, tracks))
        if size > 2 and self._rng.random() < 0.12:
            self._reissue(album, tracks)

    def _invent_awkward(self) -> None:
        """Every awkward name there is, on old albums, so that every listener can come to love one."""
        for index, (artist_name, album_name) in enumerate(
            zip(names.AWKWARD_ARTISTS, names.AWKWARD_ALBUMS, strict=True)
        ):
            artist = Artist(spotify_id(self._rng), artist_name, GENRES[index % len(GENRES)])
            titles = names.AWKWARD_TITLES[index :: len(names.AWKWARD_ARTISTS)]
            album = self._album(album_name, (artist,), len(titles), date(1999 + index, 5, 1))
            self._albums.append((album, self._tracks(album, titles)))

    def _reissue(self, album: Album, tracks: tuple[Track, ...]) -> None:
        """The same recordings again, some years later and under new ids, with one more track at the end."""
        released_on = min(album.released_on + timedelta(days=self._rng.randint(200, 3000)), _LAST_RELEASE)
        edition = self._album(f"{album.name} (Expanded Edition)", album.artists, len(tracks) + 1, released_on)
        again = tuple(
            replace(
                track,
                id=spotify_id(self._rng),
                album=edition,
                popularity=self._rng.randint(0, 60),
                reccobeats_id=_reccobeats_id(self._rng),
            )
            for track in tracks
        )
        bonus = self._track(edition, len(tracks) + 1, f"{names.track_name(self._rng)} - Demo")
        self._albums.append((edition, (*again, bonus)))
        self._editions[album.id] = edition.id

    def _album(self, name: str, artists: tuple[Artist, ...], size: int, released_on: date) -> Album:
        precision: Precision = self._rng.choices(("day", "month", "year"), (80, 8, 12))[0]
        release_date = released_on.isoformat()[: {"day": 10, "month": 7, "year": 4}[precision]]
        # A host that cannot exist: invented covers send no browser anywhere.
        cover = f"https://i.scdn.co.invalid/image/{self._rng.getrandbits(96):024x}"
        return Album(
            spotify_id(self._rng), name, "single" if size < 3 else "album", artists, release_date, precision, size,
            {pixels: f"{cover}{pixels}" for pixels in (640, 300, 64)},
            date.fromisoformat((release_date + "-01-01")[:10]),
        )  # fmt: skip

    def _tracks(self, album: Album, titles: Sequence[str]) -> tuple[Track, ...]:
        return tuple(self._track(album, number, title) for number, title in enumerate(titles, start=1))

    def _track(self, album: Album, number: int, title: str) -> Track:
        rng = self._rng
        guests = (self._guest(album.artists[0]),) if rng.random() < 0.14 else ()
        duration_ms = min(max(round(rng.lognormvariate(12.2, 0.35)), 38_000), 900_000)
        return Track(
            spotify_id(rng), title, album.artists + guests, album, 1, number, duration_ms, rng.random() < 0.15,
            self._isrc(album.released_on.year), rng.randint(0, 80), _features(rng, album.artists[0].genre),
            _reccobeats_id(rng),
        )  # fmt: skip

    def _guest(self, host: Artist) -> Artist:
        while (guest := self._rng.choice(self._artists)) is host:
            pass
        return guest

    def _isrc(self, year: int) -> str | None:
        """XX is a country code that will never be given to a country."""
        self._recordings += 1
        return f"XXINV{year % 100:02d}{self._recordings:05d}" if self._rng.random() > 0.01 else None


@cache
def _corner(genre: str) -> tuple[float, ...]:
    """Where on each scale from 0 to 1 the tracks of a genre gather."""
    rng = seeded("corner", genre)
    return tuple(rng.uniform(0.15, 0.85) for _ in range(7))


def _features(rng: Random, genre: str) -> AudioFeatures | None:
    """One track in twenty-five was never analysed."""
    if rng.random() < 0.04:
        return None
    shares = [round(min(max(rng.gauss(centre, 0.12), 0.0), 1.0), 4) for centre in _corner(genre)]
    return AudioFeatures(
        danceability=shares[0], energy=shares[1], key=rng.randint(-1, 11), loudness=round(-28 * rng.random() - 2, 3),
        mode=rng.randint(0, 1), speechiness=shares[2], acousticness=shares[3], instrumentalness=shares[4],
        liveness=shares[5], valence=shares[6], tempo=round(rng.uniform(62, 188), 3),
        time_signature=rng.choices((4, 3, 5), (90, 8, 2))[0],
    )  # fmt: skip


def _reccobeats_id(rng: Random) -> str | None:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4)) if rng.random() < 0.85 else None
