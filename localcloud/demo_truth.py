"""The demo's story, and what must have come of it: worked out from the invented Spotify's own memory alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from localcloud.supervisor import Laptop

Row = dict[str, Any]
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Story:
    """When what happens, in simulated time; all instants are slots of the schedule."""

    starts_at: datetime
    ends_at: datetime
    """From here on the next batch is the last."""
    rotation_at: datetime
    double_delivery_at: datetime
    """From here on the next file's event is delivered twice."""
    double_call_at: datetime
    revocation_at: datetime
    rotated: str = "listener-two"
    revoked: str = "listener-three"

    @classmethod
    def until(cls, instant: datetime, days: int) -> "Story":
        """A story of this many days that is over, last batch included, by the given instant."""
        ends_at = instant.replace(minute=0, second=0, microsecond=0) - timedelta(hours=24)
        starts_at = ends_at - timedelta(days=days)

        def after(share: float) -> datetime:
            return starts_at + round(days * 24 * share) * _HOUR

        return cls(starts_at, ends_at, after(0.25), after(0.4), after(0.5), after(0.6))

    def slots(self) -> Iterator[datetime]:
        """Every hour, with a day in hand for the last batch."""
        slot = self.starts_at
        while slot <= self.ends_at + timedelta(hours=24):
            yield slot
            slot += _HOUR


@dataclass
class Truth:
    """What the warehouse must hold."""

    plays: dict[tuple[str, datetime, str], Row] = field(default_factory=dict)
    """Every play that a page has shown, by the key of the table `plays`, as far as Spotify decides its columns."""
    asked: dict[datetime, int] = field(default_factory=dict)
    """How many items the pages of each slot held."""
    landed: dict[datetime, int] = field(default_factory=dict)
    """How many plays each slot had to land; slots with nothing new are absent."""


def read_truth(laptop: Laptop, story: Story) -> Truth:
    """Replays the pages that the invented Spotify has answered, hour by hour."""
    app = laptop.control("spotify", "GET", "app")
    truth = Truth()
    for listener in (entry["slug"] for entry in app["listeners"]):
        known = _known_plays(laptop, listener, story)
        for slot, page in _first_pages(laptop, listener):
            _replay(truth, listener, slot, [known[played_at] for played_at in page])
    return truth


def _known_plays(laptop: Laptop, listener: str, story: Story) -> Mapping[str, Row]:
    """The listener's plays by `played_at`; it begins early enough for the first page's 50."""
    since, until = story.starts_at - timedelta(days=60), story.ends_at + timedelta(days=2)
    query = f"truth?listener={listener}&since={_text(since)}&until={_text(until)}"
    return {play["played_at"]: play for play in laptop.control("spotify", "GET", query)}


def _first_pages(laptop: Laptop, listener: str) -> Iterator[tuple[datetime, Sequence[str]]]:
    """Slot and page of every first answer in it: a slot that is asked twice has landed already."""
    slots: set[datetime] = set()
    for answer in laptop.control("spotify", "GET", f"pages?listener={listener}"):
        slot = datetime.fromisoformat(answer["at"]).replace(minute=0, second=0, microsecond=0)
        if slot not in slots:
            slots.add(slot)
            yield slot, answer["played_at"]


def _replay(truth: Truth, listener: str, slot: datetime, page: Sequence[Row]) -> None:
    truth.asked[slot] = truth.asked.get(slot, 0) + len(page)
    for play in page:
        row = _expected_row(play)
        key = (listener, row["played_at"], row["track_id"])
        if key not in truth.plays:
            truth.plays[key] = row | {"run_id": f"{slot:%Y%m%dT%H%M%SZ}"}
            truth.landed[slot] = truth.landed.get(slot, 0) + 1


def _expected_row(play: Mapping[str, Any]) -> Row:
    """The columns that Spotify decides, from the simulator's memory and not from its API."""
    track, album, context = play["track"], play["track"]["album"], play["context"] or {}
    return {
        "listener_id": play["listener"],
        "played_at": datetime.fromisoformat(play["played_at"]),
        "track_id": track["id"],
        "track_name": track["name"],
        "artist_id": track["artists"][0]["id"],
        "artist_name": track["artists"][0]["name"],
        "artist_names": "; ".join(artist["name"] for artist in track["artists"]),
        "album_id": album["id"],
        "album_name": album["name"],
        "album_release_date": album["release_date"],
        "image_url": next(iter(album["image_urls"].values())),
        "isrc": track["isrc"],
        "duration_ms": track["duration_ms"],
        "explicit": track["explicit"],
        "context_type": context.get("type"),
        "context_uri": context.get("uri"),
        "source": "api",
        "ms_played": None,
    }


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
