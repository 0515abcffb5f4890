"""Lands the demo's past with ingest's own code: `python -m localcloud.demo.land_past --seed 1 --until INSTANT`.

Runs in ingest's environment, with the settings of the laptop cloud. Each file is what ingest would have landed from
pages with these plays: its parser, its call for audio features, its CSV; with what an import would have added since.
Prints a line for each file.
"""

import argparse
import os
from datetime import datetime
from pathlib import Path

from audio_features import fetch_features, reccobeats_provider
from buckets import land
from ingest_cloud import Settings, connect
from localcloud.clock import Clock
from localcloud.demo.past import PastFile, from_export, lives, past_files
from localcloud.spotify.answers import recently_played
from plays import Row, parse_page
from slots import Run

_URL = "https://api.spotify.com/v1/me/player/recently-played"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m localcloud.demo.land_past", description=__doc__)
    parser.add_argument("--seed", required=True, type=int, help="the seed of the invented Spotify")
    parser.add_argument("--until", required=True, type=datetime.fromisoformat, help="the past's last hour")
    parser.add_argument("--clock", required=True, type=Path, help="file that holds the simulated time's offset")
    options = parser.parse_args()
    cloud = connect(Settings.from_env(os.environ))
    provider = reccobeats_provider(cloud.http, cloud.settings.reccobeats_api_url)
    answers: dict[str, Row] = {}
    for file in past_files(lives(options.seed), options.until):
        rows = _rows(file, Clock(options.clock).now(), options.until)
        if file.with_features:  # as audio_features.add_features; `answers` is what the warehouse would know by now
            answers |= fetch_features(provider, sorted({row["track_id"] for row in rows} - answers.keys()))
            rows = [row | answers.get(row["track_id"], {}) for row in rows]
        landed = land(cloud.landing, file.run_id, rows)
        if landed is None or not landed.by_this_attempt:
            raise RuntimeError(f"The file of run {file.run_id} exists already")
        print(f"{file.run_id} {len(rows)}", flush=True)


def _rows(file: PastFile, now: datetime, until: datetime) -> list[Row]:
    """The file's plays as ingest reads them off Spotify's pages. Nothing invented here is unreadable."""
    run, rows = Run(file.slot, now), []
    for slug in sorted({play.listener for play in file.plays}):
        plays = [play for play in file.plays if play.listener == slug]
        items = recently_played(_URL, plays, len(plays))["items"]
        parsed, refused = parse_page(items, slug, run)
        if refused:
            raise RuntimeError(f"ingest refuses {len(refused)} plays of {slug}: {refused[0].reason}")
        added = {(play.played_at, play.track.id): from_export(play, until) for play in plays}
        rows += [row | added[row["played_at"], row["track_id"]] for row in parsed]
    return rows


if __name__ == "__main__":
    main()
