"""Lands the demo's past with ingest's own code: `python -m localcloud.demo.land_past --seed 1 --until INSTANT`.

Runs in ingest's environment, with the settings of the laptop cloud. Each file is what ingest would have landed had it
been shown these plays: its parser, its question for audio features, its CSV. Prints a line for each file.
"""

import argparse
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from audio_features import Provider, ask_provider, reccobeats_provider
from buckets import land
from ingest_cloud import Cloud, Settings, connect
from localcloud.clock import Clock
from localcloud.demo.past import PastFile, lives, past_files
from localcloud.listeners.lives import Play
from localcloud.spotify.answers import recently_played
from plays import Row, parse_page
from slots import Run

_URL = "https://api.spotify.com/v1/me/player/recently-played"


def main() -> None:
    options = _options()
    cloud = connect(Settings.from_env(os.environ))
    provider = reccobeats_provider(cloud.http, cloud.settings.reccobeats_api_url)
    answers: dict[str, Row] = {}
    for file in past_files(lives(options.seed), options.until):
        rows = _rows(file, Clock(options.clock).now())
        _land(cloud, file, _with_features(provider, answers, rows) if file.with_features else rows)
        print(f"{file.run_id} {len(rows)}", flush=True)


def _rows(file: PastFile, now: datetime) -> list[Row]:
    """The file's plays as ingest reads them off Spotify's pages. Nothing invented here is unreadable."""
    run, rows = Run(file.slot, now), []
    for slug in sorted({play.listener for play in file.plays}):
        parsed, refused = parse_page(_items([play for play in file.plays if play.listener == slug]), slug, run)
        if refused:
            raise RuntimeError(f"ingest refuses {len(refused)} plays of {slug}: {refused[0].reason}")
        rows += parsed
    return rows


def _items(plays: Sequence[Play]) -> Sequence[object]:
    items: Sequence[object] = recently_played(_URL, plays, len(plays), {}, extended=False)["items"]
    return items


def _with_features(provider: Provider, answers: dict[str, Row], rows: Sequence[Row]) -> list[Row]:
    """As `audio_features.add_features`, with `answers` for what the warehouse would know by now."""
    answers |= ask_provider(provider, sorted({row["track_id"] for row in rows} - answers.keys()))
    return [row | answers.get(row["track_id"], {}) for row in rows]


def _land(cloud: Cloud, file: PastFile, rows: Sequence[Row]) -> None:
    landed = land(cloud.landing, file.run_id, rows)
    if landed is None or not landed.by_this_attempt:
        raise RuntimeError(f"The file of run {file.run_id} is there already")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud.demo.land_past", description=__doc__)
    parser.add_argument("--seed", required=True, type=int, help="the seed of the invented Spotify")
    parser.add_argument("--until", required=True, type=datetime.fromisoformat, help="the past's last hour")
    parser.add_argument("--clock", required=True, type=Path, help="file that holds the simulated time's offset")
    return parser.parse_args()


if __name__ == "__main__":
    main()
