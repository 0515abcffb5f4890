"""The taste of an invented listener: a shelf of loved albums, playlists, new finds, and obsessions that fade.

A taste changes from week to week, and each week follows from the seed alone, in whatever order they are computed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from itertools import accumulate
from random import Random
from typing import Literal

from localcloud.listeners.listeners import Habits, InventedListener
from localcloud.listeners.music import GENRES, Album, Catalogue, Track, spotify_id
from localcloud.listeners.names import AWKWARD_ARTISTS, seeded

_SHELF_SIZE, _PLAYLISTS, _LIKED_SONGS = 36, 6, 60
_WEEKS_A_FIND_LASTS, _WEEKS_AN_OBSESSION_LASTS = 26, 8
_WEEKS_KEPT = 64
_NEW_RELEASE = timedelta(days=60)

ContextType = Literal["album", "artist", "playlist", "collection"]


@dataclass(frozen=True, slots=True)
class Context:
    """Where a track was played from. `collection` is Liked Songs."""

    type: ContextType
    uri: str


Stream = Iterator[tuple[Track, Context | None]]


@dataclass(frozen=True, slots=True)
class Obsession:
    track: Track
    since: date
    half_life_days: float

    def pull(self, day: date) -> float:
        """1 on the first day, half of it after each half-life."""
        age_days = (day - self.since).days
        return 0.0 if age_days < 0 else float(0.5 ** (age_days / self.half_life_days))


@dataclass(frozen=True)
class Week:
    """What may be played in one week."""

    monday: date
    albums: Sequence[Album]
    cumulative_weights: Sequence[float]
    liked_songs: Sequence[Track]
    playlists: Sequence[tuple[Context, Sequence[Track]]]
    obsessions: Sequence[Obsession]


class Taste:
    def __init__(self, listener: InventedListener, catalogue: Catalogue, seed: int) -> None:
        self._listener, self._catalogue, self._seed = listener, catalogue, seed
        rng = self._seeded("taste")
        self._genres = frozenset(rng.sample(GENRES, 3))
        loved = self._known(date.min, listener.begins_on)
        awkward = [album for album in catalogue.albums if album.artists[0].name in AWKWARD_ARTISTS]
        self._shelf = rng.sample(loved, min(_SHELF_SIZE, len(loved))) + rng.sample(awkward, 3)
        rng.shuffle(self._shelf)
        self._playlists = []
        for _ in range(_PLAYLISTS):
            tracks = rng.sample(self._shelf_tracks, min(rng.randint(20, 50), len(self._shelf_tracks)))
            self._playlists.append((Context("playlist", f"spotify:playlist:{spotify_id(rng)}"), tracks))
        self._liked = rng.sample(self._shelf_tracks, min(_LIKED_SONGS, len(self._shelf_tracks)))
        self._finds_playlist = Context("playlist", f"spotify:playlist:{spotify_id(rng)}")
        self.week = lru_cache(_WEEKS_KEPT)(self._week)
        self._finds = lru_cache(_WEEKS_KEPT)(self._invent_finds)

    def sitting(self, day: date, rng: Random) -> Stream:
        """One session's music in playing order, without end: the caller stops when its time is over."""
        week = self.week(day - timedelta(days=day.weekday()))
        pulls = [obsession.pull(day) for obsession in week.obsessions]
        if rng.random() < min(0.4 * sum(pulls), 0.5):
            obsession = rng.choices(week.obsessions, pulls)[0]
            yield from [(obsession.track, None)] * rng.randint(2, 6)
        ways = _WAYS_TO_LISTEN
        weights = [weight(self._listener.habits) for weight in ways.values()]
        yield from rng.choices(list(ways), weights)[0](self, week, rng)

    @cached_property
    def _shelf_tracks(self) -> list[Track]:
        return [track for album in self._shelf for track in self._catalogue.tracks_of[album.id]]

    def _week(self, monday: date) -> Week:
        """The shelf by rank, then the finds by age: the newest count most, none is quite forgotten for half a year."""
        finds = [
            (album, 0.5 * 0.8**age + 0.02)
            for age in range(_WEEKS_A_FIND_LASTS)
            for album in self._finds(monday - timedelta(weeks=age))
        ]
        shelf = [(album, 1 / (rank + 3)) for rank, album in enumerate(self._shelf)]
        albums, weights = zip(*shelf, *finds, strict=True)
        found = [track for album, _ in finds for track in self._catalogue.tracks_of[album.id][:2]]
        playlists = self._playlists + ([(self._finds_playlist, found)] if found else [])
        return Week(monday, albums, list(accumulate(weights)), self._liked + found, playlists, self._obsessions(monday))

    def _invent_finds(self, monday: date) -> list[Album]:
        """Albums met for the first time in this week: half of them new releases."""
        rng = self._seeded("finds", monday)
        wanted = sum(rng.random() < self._listener.habits.finds_per_week / 3 for _ in range(3))
        finds = []
        for _ in range(wanted):
            since = monday - _NEW_RELEASE if rng.random() < 0.5 else date.min
            if choice := self._known(since, monday):
                finds.append(rng.choice(choice))
        return finds

    def _obsessions(self, monday: date) -> list[Obsession]:
        obsessions = []
        for week in (monday - timedelta(weeks=age) for age in range(_WEEKS_AN_OBSESSION_LASTS)):
            rng = self._seeded("obsession", week)
            if rng.random() < self._listener.habits.obsessions_per_week:
                finds = [track for album in self._finds(week) for track in self._catalogue.tracks_of[album.id]]
                track, since = rng.choice(finds or self._shelf_tracks), week + timedelta(days=rng.randrange(7))
                obsessions.append(Obsession(track, since, rng.uniform(3, 10)))
        return obsessions

    def _known(self, first: date, last: date) -> list[Album]:
        albums = self._catalogue.released_between(first, last)
        return [album for album in albums if album.artists[0].genre in self._genres]

    def _seeded(self, *words: object) -> Random:
        return seeded(self._seed, self._listener.slug, *words)

    def play_albums(self, week: Week, rng: Random) -> Stream:
        """Albums played through, mostly from the first track on; sometimes in their reissue."""
        while True:
            album = rng.choices(week.albums, cum_weights=week.cumulative_weights)[0]
            reissue = self._catalogue.reissue_of(album)
            if reissue and reissue.released_on <= week.monday and rng.random() < 0.4:
                album = reissue
            tracks = self._catalogue.tracks_of[album.id]
            first = 0 if rng.random() < 0.85 else rng.randrange(len(tracks))
            context = Context("album", f"spotify:album:{album.id}")
            yield from ((track, context) for track in tracks[first:])

    def play_playlists(self, week: Week, rng: Random) -> Stream:
        while True:
            context, tracks = rng.choice(week.playlists)
            shuffled = rng.sample(tracks, len(tracks)) if rng.random() < 0.6 else tracks
            yield from ((track, context) for track in shuffled)

    def play_artists(self, week: Week, rng: Random) -> Stream:
        while True:
            artist = rng.choices(week.albums, cum_weights=week.cumulative_weights)[0].artists[0]
            context = Context("artist", f"spotify:artist:{artist.id}")
            own = [album for album in week.albums if artist in album.artists]
            tracks = [track for album in own for track in self._catalogue.tracks_of[album.id]]
            yield from ((track, context) for track in rng.sample(tracks, len(tracks)))

    def play_liked_songs(self, week: Week, rng: Random) -> Stream:
        context = Context("collection", f"spotify:user:{self._listener.user_id}:collection")
        while True:
            yield from ((track, context) for track in rng.sample(week.liked_songs, len(week.liked_songs)))

    def play_radio(self, week: Week, rng: Random) -> Stream:
        """What Spotify puts on by itself, without a context: mostly the known, sometimes anything of the genres."""
        unknown = self._known(date.min, week.monday)
        while True:
            album = rng.choices(week.albums, cum_weights=week.cumulative_weights)[0]
            if rng.random() < 0.15:
                album = rng.choice(unknown)
            yield rng.choice(self._catalogue.tracks_of[album.id]), None


_WAYS_TO_LISTEN: Mapping[Callable[[Taste, Week, Random], Stream], Callable[[Habits], float]] = {
    Taste.play_albums: lambda habits: habits.albums,
    Taste.play_playlists: lambda habits: habits.playlists,
    Taste.play_artists: lambda habits: habits.artists,
    Taste.play_liked_songs: lambda habits: habits.liked_songs,
    Taste.play_radio: lambda habits: habits.radio,
}
