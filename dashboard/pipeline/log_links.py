"""Where Cloud Logging has what a step of a run wrote: an address of the console, made of the run's id and its hour."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

_MARGIN = timedelta(minutes=5)
_LENGTH = timedelta(hours=3)
"""Retries and a batch that waited for the one before it may end long after the hour."""


def logs_url(project: str, step: str, slot: datetime, run_id: str | None) -> str:
    """The Logs Explorer's own form of an address: query, time range and project."""
    start, end = (f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (slot - _MARGIN, slot + _LENGTH))
    query, span = quote(_query(step, run_id), safe=""), quote(f"{start}/{end}", safe="")
    return f"https://console.cloud.google.com/logs/query;query={query};timeRange={span}?project={quote(project)}"


def _query(step: str, run_id: str | None) -> str:
    if run_id is None:
        return 'resource.type="cloud_scheduler_job" OR resource.type="cloud_run_revision"'
    if step == "top_tracks":
        return f'resource.type="cloud_dataproc_batch" AND resource.labels.batch_id:"top-tracks-{run_id.lower()}"'
    return f'jsonPayload.run_id="{run_id}"'
