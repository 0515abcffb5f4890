"""A listener's life as Spotify's API and its export report it, with everything that makes the two differ. Invented.

The shares come from real files. Of 1,909 plays of 30 seconds and more in a public export
(https://github.com/Micg25/Spotify-history-analyzer-Distributed-System) 93 were interrupted by a logout or a crash and
have a `ts` hours late, 89 were paused. A listener who reported plays that came twice
(https://github.com/Yooooomi/your_spotify/issues/562) had 60 private, 80 skipped and 15 repeated rows beside 515 others,
with clocks between -1 and 19 seconds apart. The others are reported without a number, and are guessed generously.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any

from localcloud.listeners.lives import Life, Play
from localcloud.listeners.music import Track
from localcloud.spotify.data_export import export_row

SHARES: Mapping[str, float] = MappingProxyType(
    {
        "interrupted": 93 / 1909,
        "paused": 89 / 1909,
        "offline": 0.02,
        "short, but listed": 0.01,
        "another id": 0.02,
        "another spelling": 0.01,
        "a compilation": 0.01,
        "the ISRC alone": 0.005,
        "private": 60 / 515,
        "skipped": 80 / 515,
    }
)
"""Of all plays, by what is odd about one."""
NOT_LISTED = ("private", "skipped")
_REPEATED = 15 / 515
_LOOPS = 0.03
_SECOND = timedelta(seconds=1)

USUAL = "as usual"

Row = dict[str, Any]


@dataclass(frozen=True)
class TruePlay:
    """A play as it was. The API has it as `listed_at`, None when it never does; the export's `ts` is `reported_at`."""

    kind: str
    track: Track
    began_at: datetime
    ms_played: int
    listed_at: datetime | None
    reported_at: datetime
    exported: Row


def live(life: Life, since: datetime, until: datetime, rng: Random, *, with_beginnings: bool) -> list[TruePlay]:
    """The plays in their order. `with_beginnings`: whether the export has `offline_timestamp`, as those since 2022."""
    plays = [
        play for play in life.between(since, until) for _ in range(rng.randrange(2, 5) if rng.random() < _LOOPS else 1)
    ]
    true_plays: list[TruePlay] = []
    now = since
    for play in plays:
        kind = rng.choices([*SHARES, USUAL], [*SHARES.values(), 1 - sum(SHARES.values())])[0]
        began_at = max(now, play.played_at - timedelta(milliseconds=play.ms_played))
        true_play = _true_play(kind, play, began_at, rng, with_beginnings=with_beginnings)
        true_plays.append(true_play)
        ended_at = true_play.began_at + timedelta(milliseconds=true_play.ms_played)
        # A pause delays the next play, another late `ts` does not.
        free_at = max(ended_at, true_play.reported_at) if kind == "paused" else ended_at
        now = free_at + timedelta(milliseconds=rng.randrange(100, 900))
    return _synced(true_plays)


def api_rows(true_plays: Sequence[TruePlay], listener: str) -> list[Row]:
    """Rows of `plays` as ingest lands them."""
    return [
        {
            **{"listener_id": listener, "played_at": play.listed_at, "track_id": play.track.id},
            **{"track_name": play.track.name, "artist_name": play.track.artists[0].name},
            "artist_names": "; ".join(artist.name for artist in play.track.artists),
            **{"album_name": play.track.album.name, "isrc": play.track.isrc, "duration_ms": play.track.duration_ms},
            **{"source": "api", "run_id": "20260101T000000Z", "ingested_at": play.listed_at},
        }
        for play in true_plays
        if play.listed_at
    ]


def export_rows(true_plays: Sequence[TruePlay], rng: Random) -> list[Row]:
    """Rows of the export, some of them twice."""
    rows = [play.exported for play in true_plays]
    return sorted([*rows, *rng.sample(rows, int(len(rows) * _REPEATED))], key=lambda row: str(row["ts"]))


def _true_play(kind: str, play: Play, began_at: datetime, rng: Random, *, with_beginnings: bool) -> TruePlay:
    """The clock of the API lies between 19 seconds before and 1 second after the end."""
    ms_played = {"short, but listed": rng.randrange(1_000, 29_000), "skipped": rng.randrange(500, 29_000)}.get(kind)
    if kind == "interrupted":
        ms_played = rng.randrange(31_000, max(31_001, play.track.duration_ms))
    ms_played = ms_played or play.track.duration_ms
    pause = timedelta(seconds=int(rng.lognormvariate(6, 1.2)) + 90) if kind == "paused" else timedelta()
    ended_at = began_at + timedelta(milliseconds=ms_played)
    reported_at = ended_at + (timedelta(minutes=rng.randrange(2, 600)) if kind == "interrupted" else pause)
    off = timedelta(seconds=rng.uniform(0, 1) if kind == "short, but listed" else rng.uniform(-1, 19))
    seen_at = (ended_at if rng.random() < 0.5 else ended_at + pause) - off
    row = export_row(replace(play, played_at=reported_at, ms_played=ms_played)) | _spelled(kind, play.track, rng)
    began = {"offline_timestamp": int(began_at.timestamp())} if with_beginnings else {}
    listed_at = None if kind in NOT_LISTED else seen_at.replace(microsecond=seen_at.microsecond // 1000 * 1000)
    return TruePlay(kind, play.track, began_at, ms_played, listed_at, _cut(reported_at), row | began)


def _spelled(kind: str, track: Track, rng: Random) -> Row:
    """What the export calls a track that the API has under another id."""
    spelled = {
        "another id": {},
        "another spelling": {
            "master_metadata_track_name": f"{track.name.upper()} ({rng.randrange(1990, 2026)} Remaster)"
        },
        "a compilation": {"master_metadata_album_artist_name": "Various Artists"},
        "the ISRC alone": {"master_metadata_track_name": "いち", "master_metadata_album_artist_name": "エイダ"},
    }.get(kind)
    return {} if spelled is None else {"spotify_track_uri": f"spotify:track:{other_id(track.id)}", **spelled}


def other_id(track_id: str) -> str:
    """Of the same recording."""
    return f"{track_id[:-3]}OLD"


def _synced(true_plays: list[TruePlay]) -> list[TruePlay]:
    """Plays of one trip offline have one `ts`, that of the next play with a connection."""
    rest: Iterator[TruePlay] = iter(reversed(true_plays))
    done: list[TruePlay] = []
    online_at = true_plays[-1].reported_at + timedelta(hours=1) if true_plays else None
    for play in rest:
        if play.kind == "offline" and online_at:
            ts = max(online_at, play.reported_at)
            exported = play.exported | {"ts": f"{ts:%Y-%m-%dT%H:%M:%SZ}", "offline": True}
            done.append(replace(play, reported_at=ts, exported=exported))
        else:
            done.append(play)
            online_at = _cut(play.began_at) + 2 * _SECOND
    return done[::-1]


def _cut(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)
