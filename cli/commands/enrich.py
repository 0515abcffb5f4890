"""Requests audio features from ReccoBeats for tracks that have none, as the hourly run does for a few each time.

ReccoBeats receives the ids of the tracks. Each call's answers are stored before the next call, so the command can be
stopped and run again at any time. The view `counted_plays` has them at once; the dashboard
shows them after the next Spark batch, which follows new plays.
"""

import argparse
import math
import sys
import time
from contextlib import redirect_stdout
from datetime import datetime

from google.cloud import bigquery

import catalogue
from audio_features import Provider, reccobeats_provider
from cli import google_clients
from cli.console import CliError, counted, duration, print_json, show, show_progress
from cli.place import Place
from failures import Failure, RateLimited, RequestRefused, UnreadableAnswer
from http_client import Session

HELP = "Fetch audio features of tracks that have none from ReccoBeats, now"

_URL = "https://api.reccobeats.com"
# Its limit is not published. A call a second is far from a burst.
_BETWEEN_CALLS_SECONDS = 1.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tracks", type=int, default=1000, metavar="N", help="at most so many tracks (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="only print how many tracks have none")


def run(options: argparse.Namespace, place: Place) -> int:
    client, now = google_clients.warehouse(place), place.now()
    url = (place.settings.get("RECCOBEATS_API_URL") or _URL).rstrip("/")
    provider = reccobeats_provider(Session(), url)
    unknown = catalogue.find_unknown(client, now, provider.name, most=1_000_000)
    track_ids = unknown[: max(0, options.tracks)]
    known = 0 if options.dry_run else _fetch(client, now, provider, track_ids)
    if options.json:
        asked = 0 if options.dry_run else len(track_ids)
        print_json({"unknown": len(unknown), "asked": asked, "known_now": known})
    elif options.dry_run:
        calls = math.ceil(len(track_ids) / provider.ids_per_call)
        show(
            f"Without audio features: {counted(len(unknown), 'track')}. Would request {len(track_ids):,} of them in "
            f"{counted(calls, 'call')}."
        )
    else:
        show(
            f"Requested {len(track_ids):,} of {counted(len(unknown), 'track')} without audio features: "
            f"{known:,} known now."
        )
    return 0


def _fetch(client: bigquery.Client, now: datetime, provider: Provider, track_ids: list[str]) -> int:
    """How many tracks are known now. What ingest logs of an answer is progress here."""
    asked = known = 0
    stored = "The answers so far are stored. Run the command again"
    try:
        with redirect_stdout(sys.stderr):
            for answers in catalogue.fetch_and_store(client, now, provider, track_ids):
                asked += len(answers)
                known += sum(map(catalogue.is_known, answers.values()))
                show_progress(asked, len(track_ids), "tracks")
                if asked < len(track_ids):
                    time.sleep(_BETWEEN_CALLS_SECONDS)
    except RateLimited as failure:
        pause = duration(failure.pause_seconds)
        raise CliError(f"ReccoBeats asks for a pause of {pause}. {stored} after the pause.") from None
    except (RequestRefused, UnreadableAnswer) as failure:
        refused = counted(min(provider.ids_per_call, len(track_ids) - asked), "track")
        raise CliError(
            f"ReccoBeats gave no answer for {refused} ({failure}), which are not asked for again within a day. "
            f"{stored} for the others."
        ) from None
    except Failure as failure:
        raise CliError(f"ReccoBeats is not available ({failure}). {stored} later.") from None
    return known
