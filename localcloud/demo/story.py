"""The demo's story, and what must have come of it: worked out from the invented Spotify's own memory alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from localcloud.demo.past import lives, past_files
from localcloud.listeners.lives import Life, Play
from localcloud.listeners.music import AudioFeatures, Track
from localcloud.supervisor import Laptop

Row = dict[str, Any]
Gap = tuple[str, datetime, datetime, str]
"""Listener, newest play before it, oldest play after it, and the run that noticed."""
_HOUR = timedelta(hours=1)
_LATENESS = timedelta(seconds=20)
"""The schedule fires on the hour and the answer comes a little later."""


@dataclass(frozen=True)
class Story:
    """When what happens, in simulated time; all instants are slots of the schedule."""

    starts_at: datetime
    ends_at: datetime
    """From here on the next batch is the last."""
    last_slot: datetime
    """The present: the hours after that batch are lived through, too."""
    outage_at: datetime
    outage_over_at: datetime
    """Between these two, the first included, the schedule does not call."""
    rotation_at: datetime
    double_delivery_at: datetime
    """From here on the next file's event is delivered twice."""
    double_call_at: datetime
    revocation_at: datetime
    rotated: str = "listener-two"
    revoked: str = "listener-three"

    @classmethod
    def until(cls, instant: datetime, days: int) -> "Story":
        """A story of this many days up to the last batch, which has a day's time before the given instant."""
        last_slot = (instant - _LATENESS).replace(minute=0, second=0, microsecond=0)
        ends_at = last_slot - timedelta(hours=24)
        starts_at = ends_at - timedelta(days=days)

        def after(share: float) -> datetime:
            return starts_at + round(days * 24 * share) * _HOUR

        return cls(
            starts_at, ends_at, last_slot, after(0.08), after(0.28), after(0.32), after(0.4), after(0.5), after(0.6)
        )

    @property
    def past_until(self) -> datetime:
        """The slot of the last file that is landed before the story."""
        return self.starts_at - _HOUR

    @property
    def consented_at(self) -> Mapping[str, datetime]:
        """One of them has to agree again within three weeks of the story's end: consents last six months."""
        days = {"listener-one": 163, "listener-two": 40, "listener-three": 90}
        return {slug: self.last_slot - timedelta(days=ago) for slug, ago in days.items()}

    def slots(self) -> Iterator[datetime]:
        """Every hour in which the schedule calls."""
        slot = self.starts_at
        while slot <= self.last_slot:
            if not self.outage_at <= slot < self.outage_over_at:
                yield slot
            slot += _HOUR

    @staticmethod
    def answered_at(slot: datetime) -> datetime:
        return slot + _LATENESS


@dataclass
class Truth:
    """What the warehouse must hold."""

    plays: dict[tuple[str, datetime, str], Row] = field(default_factory=dict)
    """Every play of the past and every play that a page has shown, by the key of the table `plays`, with all columns
    but ingested_at."""
    asked: dict[datetime, int] = field(default_factory=dict)
    """How many items the pages of each slot held."""
    landed: dict[datetime, int] = field(default_factory=dict)
    """How many plays each slot had to land, the past's files included; slots with nothing new are absent."""
    gaps: dict[Gap, int] = field(default_factory=dict)
    """The gaps, and how many plays Spotify did not show any more in each."""


def read_truth(laptop: Laptop, story: Story, seed: int) -> Truth:
    """The past, then the pages that the invented Spotify has answered, hour by hour."""
    every = lives(seed)
    truth = Truth()
    for file in past_files(every, story.past_until):
        for play in file.plays:
            _add(truth, play, file.slot, with_features=file.with_features)
    for slug, life in every.items():
        known = _known_plays(life, story)
        for slot, page in _first_pages(laptop, slug):
            _replay(truth, life, slot, [known[played_at] for played_at in page])
    return truth


def _known_plays(life: Life, story: Story) -> Mapping[str, Play]:
    """The listener's plays by `played_at` in Spotify's words, from before the first page's 50 on."""
    plays = life.between(story.starts_at - timedelta(days=60), story.last_slot + timedelta(days=2))
    return {f"{play.played_at:%Y-%m-%dT%H:%M:%S}.{play.played_at.microsecond // 1000:03}Z": play for play in plays}


def _first_pages(laptop: Laptop, listener: str) -> Iterator[tuple[datetime, Sequence[str]]]:
    """Slot and page of every first answer in it: a slot that is asked twice has landed already."""
    slots: set[datetime] = set()
    for answer in laptop.control("spotify", "GET", f"pages?listener={listener}"):
        slot = datetime.fromisoformat(answer["at"]).replace(minute=0, second=0, microsecond=0)
        if slot not in slots:
            slots.add(slot)
            yield slot, answer["played_at"]


def _replay(truth: Truth, life: Life, slot: datetime, page: Sequence[Play]) -> None:
    truth.asked[slot] = truth.asked.get(slot, 0) + len(page)
    gap = _gap_before(truth, slot, page)
    for play in page:
        _add(truth, play, slot, with_features=True)
    if gap:
        truth.gaps[gap] = _unseen(truth, life, gap, Story.answered_at(slot))


def _add(truth: Truth, play: Play, slot: datetime, *, with_features: bool) -> None:
    key = (play.listener, play.played_at, play.track.id)
    if key not in truth.plays:
        truth.plays[key] = expected_row(play, with_features=with_features) | {"run_id": f"{slot:%Y%m%dT%H%M%SZ}"}
        truth.landed[slot] = truth.landed.get(slot, 0) + 1


def _gap_before(truth: Truth, slot: datetime, page: Sequence[Play]) -> Gap | None:
    """A page of which nothing was known, although older plays were."""
    keys = [(play.listener, play.played_at, play.track.id) for play in page]
    if not page or any(key in truth.plays for key in keys):
        return None
    listener, oldest, _ = keys[-1]
    before = [played_at for slug, played_at, _ in truth.plays if slug == listener and played_at < oldest]
    return (listener, max(before), oldest, f"{slot:%Y%m%dT%H%M%SZ}") if before else None


def _unseen(truth: Truth, life: Life, gap: Gap, at: datetime) -> int:
    """Plays inside a gap that Spotify knew of and showed to nobody."""
    listener, start, end, _ = gap
    plays = (play for play in life.between(start, end) if play.is_visible(at))
    return sum((listener, play.played_at, play.track.id) not in truth.plays for play in plays)


def expected_row(play: Play, *, with_features: bool) -> Row:
    """The row of `plays`, from the simulator's memory and not from its API; without run_id and ingested_at."""
    context = play.context
    return {
        "listener_id": play.listener,
        "played_at": play.played_at,
        "context_type": context.type if context else None,
        "context_uri": context.uri if context else None,
        **_track_columns(play.track),
        **(_feature_columns(play.track) if with_features else _NO_FEATURES),
    }


@cache
def _track_columns(track: Track) -> Row:
    album = track.album
    return {
        "track_id": track.id,
        "track_name": track.name,
        "artist_id": track.artists[0].id,
        "artist_name": track.artists[0].name,
        "artist_names": "; ".join(artist.name for artist in track.artists),
        "album_id": album.id,
        "album_name": album.name,
        "album_release_date": album.release_date,
        "image_url": next(iter(album.image_urls.values())),
        "isrc": track.isrc,
        "duration_ms": track.duration_ms,
        "explicit": track.explicit,
        "popularity": None,  # gone for apps in development mode
        "ms_played": None,
        "source": "api",
    }


_FEATURES = [feature.name for feature in fields(AudioFeatures)]
_NO_FEATURES: Row = dict.fromkeys([*_FEATURES, "features_source"])


@cache
def _feature_columns(track: Track) -> Row:
    """What ReccoBeats says of the track, if it knows it: everything but the time signature."""
    is_known = track.features is not None and track.reccobeats_id is not None
    features = asdict(track.features) if is_known and track.features else dict.fromkeys(_FEATURES)
    return {**features, "time_signature": None, "features_source": "reccobeats"}
