"""Cloud Scheduler's part: calls a URL at each full hour, with its headers, its token and its patience."""

import base64
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import requests

JOB_NAME = "ingest-hourly"


@dataclass(frozen=True)
class Retry:
    """As in a job's retry_config and attempt_deadline."""

    count: int = 3
    min_backoff_seconds: float = 1.0
    attempt_deadline_seconds: float = 1800.0


HOURLY = Retry()
ONCE = Retry(count=0)


def fire(url: str, slot: datetime, retry: Retry = ONCE) -> requests.Response:
    """Call the job for this slot; the last answer. Raises requests.RequestException when there was none."""
    for attempt in range(retry.count):
        with suppress(requests.RequestException):
            response = _post(url, slot, retry.attempt_deadline_seconds)
            if response.ok:
                return response
        time.sleep(retry.min_backoff_seconds * 2**attempt)
    return _post(url, slot, retry.attempt_deadline_seconds)


def full_hour(instant: datetime) -> datetime:
    """The slot that an instant belongs to."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _post(url: str, slot: datetime, deadline_seconds: float) -> requests.Response:
    headers = {
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": JOB_NAME,
        "X-CloudScheduler-ScheduleTime": slot.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "Authorization": f"Bearer {_identity_token(url)}",
        "Content-Type": "application/octet-stream",
    }
    with requests.Session() as session:
        session.trust_env = False  # a proxy has no business between two processes of one laptop
        return session.post(url, headers=headers, timeout=deadline_seconds)


def _identity_token(audience: str) -> str:
    """Looks like the OIDC token that Cloud Run checks before a function sees a request; signed by nobody."""
    claims = {
        "aud": audience,
        "iss": "https://accounts.google.com",
        "email": "scheduler@laptop",
        "email_verified": True,
    }
    parts = [json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps(claims), "laptop"]
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)
