"""The data export of an invented listener: the zip that Spotify sends of an "Extended streaming history".

The same plays as in the invented API, in the other form: ends in whole seconds, milliseconds played, the album's
artist and no metadata. It also holds what the API hides, tracks skipped after seconds and podcasts, and what real
files have: duplicate rows and rows without a track.

`python -m localcloud.spotify.data_export listener-one my_spotify_data.zip` writes what `python -m cli import` takes.
"""

import argparse
import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from localcloud.listeners.listeners import invented_listeners
from localcloud.listeners.lives import Life, Play
from localcloud.listeners.music import invent_catalogue
from localcloud.listeners.names import seeded

ExportRow = dict[str, Any]

_FOLDER = "Spotify Extended Streaming History"
_ROWS_PER_FILE = 16_000  # about 12 MB, as Spotify cuts
_NOTHING = dict.fromkeys(
    (
        *("master_metadata_track_name", "master_metadata_album_artist_name", "master_metadata_album_album_name"),
        *("spotify_track_uri", "episode_name", "episode_show_name", "spotify_episode_uri"),
        *("audiobook_title", "audiobook_uri", "audiobook_chapter_uri", "audiobook_chapter_title"),
    )
)


def export_row(play: Play) -> ExportRow:
    """The row of one play."""
    track = play.track
    about = {
        "master_metadata_track_name": track.name,
        "master_metadata_album_artist_name": track.album.artists[0].name,
        "master_metadata_album_album_name": track.album.name,
        "spotify_track_uri": f"spotify:track:{track.id}",
    }
    return _row(play.played_at, play.ms_played) | about | manner(play)


def manner(play: Play) -> ExportRow:
    """How it began and ended: what was not played to its end was skipped."""
    skipped = play.ms_played < play.track.duration_ms
    return {
        "reason_start": "trackdone",
        "reason_end": "fwdbtn" if skipped else "trackdone",
        "skipped": skipped,
        "shuffle": play.context is not None and play.context.type == "playlist",
        "incognito_mode": False,
    }


def export_rows(plays: Sequence[Play]) -> list[ExportRow]:
    """The plays, and around them everything else that an export holds; in the order of their ends."""
    rows = [row for play in plays for row in _with_the_rest(play, seeded("export", play.listener, play.played_at))]
    return sorted(rows, key=lambda row: row["ts"])


def write_zip(path: Path, plays: Sequence[Play], rows_per_file: int = _ROWS_PER_FILE) -> None:
    """The package, with the other files that are in it."""
    rows = export_rows(plays)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{_FOLDER}/ReadMeFirst_ExtendedStreamingHistory.pdf", b"%PDF-1.4 invented")
        for number, start in enumerate(range(0, len(rows), rows_per_file)):
            part = rows[start : start + rows_per_file]
            name = f"Streaming_History_Audio_{part[0]['ts'][:4]}-{part[-1]['ts'][:4]}_{number}.json"
            archive.writestr(f"{_FOLDER}/{name}", json.dumps(part, indent=2, ensure_ascii=False))


def _with_the_rest(play: Play, rng: Random) -> Iterator[ExportRow]:
    row = export_row(play)
    yield row
    if rng.random() < 0.03:  # the next track, skipped at once
        yield {
            **_row(play.played_at + timedelta(seconds=rng.randrange(1, 20)), rng.randrange(20_000)),
            **{name: row[name] for name in _NOTHING},
            **{"reason_end": "fwdbtn", "skipped": True},
        }
    if rng.random() < 0.01:
        yield dict(row)
    if rng.random() < 0.02:
        episode = {"episode_name": "An invented episode", "episode_show_name": "An invented show"}
        episode_row = _row(play.played_at + timedelta(minutes=40), rng.randrange(60_000, 2_400_000))
        yield episode_row | episode | {"spotify_episode_uri": "spotify:episode:" + "e" * 22}
    if rng.random() < 0.002:
        yield _row(play.played_at, 0)


def _row(ended_at: datetime, ms_played: int) -> ExportRow:
    return {
        "ts": f"{ended_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "platform": "invented",
        "ms_played": ms_played,
        "conn_country": "ZZ",
        "ip_addr": "192.0.2.1",  # of a block for documentation: RFC 5737
        **_NOTHING,
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "offline_timestamp": None,
        "incognito_mode": False,
    }


def main() -> None:
    listeners = {listener.slug: listener for listener in invented_listeners(3)}
    parser = argparse.ArgumentParser(prog="python -m localcloud.spotify.data_export", description=__doc__)
    parser.add_argument("listener", choices=listeners, help="whose plays")
    parser.add_argument("file", type=Path, help="the zip to write")
    parser.add_argument("--seed", type=int, default=1, help="that of the laptop cloud (%(default)s)")
    parser.add_argument("--days-ago", type=float, default=0, help="how old the export is (%(default)s)")
    options = parser.parse_args()
    life = Life(listeners[options.listener], invent_catalogue(options.seed), options.seed)
    plays = life.between(life.begins_at, datetime.now(UTC) - timedelta(days=options.days_ago))
    write_zip(options.file, plays)
    print(f"{len(plays):,} plays of {options.listener} are in {options.file}.")


if __name__ == "__main__":
    main()
