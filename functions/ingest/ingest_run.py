"""Runs ingest once: polls listeners, records gaps, lands new plays, adds the ledger row, then re-sends and enriches.

Keeps no cursor: what is stored or landed decides, so a repeat changes nothing.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import buckets
import catalogue
import gaps
import report
import unloaded_files
from audio_features import Provider, add_features, reccobeats_provider, spotify_provider
from collect import Collected, collect_all
from failures import Failure, NotAsked
from http_client import LONGEST_SLEEP_SECONDS
from ingest_cloud import Cloud
from ingest_log import log
from listener_secrets import APP_SECRET, DAYS_TO_WARN_AT, days_left, list_listener_secrets, read_app
from plays import key_of
from report import Report
from slots import Run
from spotify import Spotify


def run_once(cloud: Cloud, run: Run) -> Report:
    finished, pause = report.read_earlier(cloud.bigquery, run)
    if finished:
        return finished
    # A pause of an hour, asked of the last run, ends seconds after this one has begun: wait for it, or lose this hour.
    if pause and (seconds := (pause - run.started_at).total_seconds()) <= LONGEST_SLEEP_SECONDS:
        time.sleep(seconds)
        pause = None
    if pause:
        reason = f"Spotify asked for a pause until {pause:%Y-%m-%d %H:%M:%S} UTC: no call was made"
        outcome, provider = Report(run, "skipped", reason, blocked_until=pause), None
    else:
        outcome, provider = _poll_and_land(cloud, run)
    report.write_run(cloud.bigquery, outcome)
    unloaded_files.resend_all(cloud, run)
    catalogue.fill(cloud, run, provider, has_new_plays=outcome.rows_new > 0)
    return outcome


def _poll_and_land(cloud: Cloud, run: Run) -> tuple[Report, Provider | None]:
    """The report, and the provider of audio features: a pause that it asked for lasts for the whole run."""
    settings = cloud.settings
    secrets = list_listener_secrets(cloud.secrets, settings.project)
    if not secrets:
        return Report(run, "skipped", report.NO_LISTENER), None
    try:
        app = read_app(cloud.secrets, settings.project)
    except Failure as failure:
        _log_failure("The app's own secret cannot be used", run, APP_SECRET, failure)
        return report.of_missing_app(run, [secret.listener_id for secret in secrets], failure), None
    spotify = Spotify(cloud.http, settings.spotify_accounts_url, settings.spotify_api_url, app)
    collected = collect_all(cloud.secrets, spotify, secrets, run)
    _log_trouble(run, collected)
    source, provider = settings.audio_features_source, None
    if source == "spotify":
        provider = spotify_provider(spotify)
    elif source == "reccobeats":
        provider = reccobeats_provider(cloud.http, settings.reccobeats_api_url)
    return _land_pages(cloud, run, provider, collected), provider


def _land_pages(cloud: Cloud, run: Run, provider: Provider | None, collected: Sequence[Collected]) -> Report:
    """Gaps come first: once the plays are in the warehouse, a gap before them cannot be seen any more."""
    collected_at = datetime.now(UTC)
    rows = [row for listener in collected for row in listener.rows]
    refused = [item for listener in collected for item in listener.refused]
    known = gaps.fetch_known(cloud.bigquery, rows)
    gaps.write_gaps(cloud, run, known.unreached, known.imported)
    new = [row for row in rows if key_of(row) not in known.keys]
    if provider and new:
        new = add_features(cloud.bigquery, run, provider, new)
    landed = buckets.land(cloud.landing, run.run_id, new)
    refused_first = buckets.write_refused(cloud.quarantine, run.run_id, refused)
    return report.of_collected(run, collected, landed, refused_first, collected_at)


def _log_trouble(run: Run, collected: Sequence[Collected]) -> None:
    for listener in collected:
        if listener.items is None and listener.failure and not isinstance(listener.failure, NotAsked):
            _log_failure("A listener could not be polled", run, listener.listener_id, listener.failure)
        left = days_left(listener.consent_ends_at, run.started_at) if listener.consent_ends_at else None
        if left in DAYS_TO_WARN_AT:
            log(
                "WARNING",
                "A listener's consent ends soon",
                run_id=run.run_id,
                listener=listener.listener_id,
                days_left=left,
                command=f"python -m cli authorize {listener.listener_id}",
            )


def _log_failure(message: str, run: Run, who: str, failure: Failure) -> None:
    log(
        "ERROR",
        message,
        run_id=run.run_id,
        listener=who,
        error_class=type(failure).__name__,
        reason=failure.explain(who),
    )
