"""Cloud Scheduler's part: calls a URL at each full hour, or by hand, with its headers, its token and its retries.

As recorded from the real service (github.com/t-k/fireemu, conformance/scheduled-delivery/local/production-run2.json): a
forced run carries the job's next slot, the scheduled run after it the same one; slots are in Los Angeles time with an
offset, some with a fraction of a second.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from localcloud.gcp.credentials import identity_token

JOB_NAME = "ingest-hourly"
_ATTEMPT_SECONDS = 960
"""The attempt_deadline of terraform/schedule.tf."""
_GOOGLES_ZONE = ZoneInfo("America/Los_Angeles")
HOURLY_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0)
"""The seconds before each retry that terraform/schedule.tf yields (job.proto, RetryConfig), thirty times as fast."""


def call(url: str, slot: datetime, waits: Sequence[float] = (), key_path: Path | None = None) -> requests.Response:
    """Call the job for this slot; the last answer. Raises requests.RequestException when there was none.

    `waits`: the seconds before each retry of a call that fails.
    `key_path`: the key file that signs the call's token; without it there is none.
    """
    for wait in waits:
        with suppress(requests.RequestException):
            response = _post(url, slot, key_path)
            if response.ok:
                return response
        time.sleep(wait)
    return _post(url, slot, key_path)


def force(url: str, now: datetime, key_path: Path | None = None) -> requests.Response:
    """Call the job out of turn, as `jobs:run` does: for the next slot of the hourly schedule."""
    return call(url, full_hour(now) + timedelta(hours=1), key_path=key_path)


def full_hour(instant: datetime) -> datetime:
    """The slot that an instant belongs to."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _post(url: str, slot: datetime, key_path: Path | None) -> requests.Response:
    headers = {
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": JOB_NAME,
        "X-CloudScheduler-ScheduleTime": slot.astimezone(_GOOGLES_ZONE).isoformat(),
        "Content-Type": "application/octet-stream",
        **(identity_token(key_path, url) if key_path else {}),
    }
    return requests.post(url, headers=headers, timeout=_ATTEMPT_SECONDS)
