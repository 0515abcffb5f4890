"""One question over HTTP and the patience that goes with it: time-outs and retries; pauses.py has the pauses.

What a refusal (any other 4xx) means and what a good answer must hold is for the caller to say.
"""

import json
import math
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests

from answer_body import read_text
from failures import Failure, QuotaExceeded, RateLimited, RequestRefused, SpotifyUnavailable, UnreadableAnswer
from pauses import Pauses

_CONNECT_SECONDS, _READ_SECONDS = 5, 20

_MOST_ATTEMPTS = 3
_FIRST_WAIT_SECONDS = 0.25

# Of a thousand listeners' calls some meet a second 429 by chance after they have waited, hardly one a fourth.
_MOST_PAUSES = 3
_PAUSE_SECONDS_BY_DEFAULT = 5
# A quota counts over a rolling day; without a Retry-After an hour is the next time anybody would ask.
_QUOTA_PAUSE_SECONDS_BY_DEFAULT = 3600
# The longest pause seen in the wild is a day. Twice that, and one call finds out whether it still holds.
_LONGEST_PAUSE_SECONDS = 48 * 3600

T = TypeVar("T")

Refusal = Callable[[int, str], Failure]
"""From a 4xx status and the body's text to what they mean."""


@dataclass(frozen=True)
class Question:
    """One call. Its headers and form hold secrets, so neither shows."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = field(default=None, repr=False)


def ask(session: requests.Session, pauses: Pauses, question: Question, read: Callable[[Any], T], refusal: Refusal) -> T:
    """What `read` makes of the JSON that came back; it raises UnreadableAnswer when it misses something."""
    return _patiently(pauses, lambda: read(_ask_once(session, question, refusal)))


def _patiently(pauses: Pauses, ask_once: Callable[[], T]) -> T:
    """Three attempts while the service is unwell, and a few short pauses when it asks for them."""
    tries: Counter[type[Failure]] = Counter()
    while True:
        pauses.wait()
        try:
            return ask_once()
        except RateLimited as failure:
            tries[RateLimited] += 1
            if tries[RateLimited] > _MOST_PAUSES:
                pauses.end()
                raise
            pauses.begin(failure)
        except (SpotifyUnavailable, UnreadableAnswer):
            tries[SpotifyUnavailable] += 1
            if tries[SpotifyUnavailable] == _MOST_ATTEMPTS:
                raise
            time.sleep(_wait_seconds(tries[SpotifyUnavailable]))


def _wait_seconds(attempts: int) -> float:
    """Longer after each attempt, and never the same for two listeners that failed together."""
    return _FIRST_WAIT_SECONDS * 3.0 ** (attempts - 1) * random.uniform(0.5, 1.5)  # noqa: S311 -- not a secret


def _ask_once(session: requests.Session, question: Question, refusal: Refusal) -> Any:
    try:
        response = session.request(
            question.method,
            question.url,
            headers=dict(question.headers),
            params=dict(question.params),
            data=question.form,
            timeout=(_CONNECT_SECONDS, _READ_SECONDS),
            allow_redirects=False,  # a token is for the server that was asked, and for no other
            stream=True,
        )
    except requests.RequestException as error:  # its text is left out: it can quote the call
        raise SpotifyUnavailable(f"no answer, {type(error).__name__}") from None
    return _body(response, refusal)


def _body(response: requests.Response, refusal: Refusal) -> Any:
    text = read_text(response)
    status, is_page = response.status_code, text.lstrip().startswith("<")
    if status == 429:
        raise to_pause(response.headers.get("Retry-After"), text)
    failure = refusal(status, text) if 400 <= status < 500 else None
    if failure and not (is_page and isinstance(failure, RequestRefused)):
        raise failure
    if status >= 300 or is_page:
        raise SpotifyUnavailable(f"status {status}")
    if not text.strip():
        raise UnreadableAnswer(f"it has no body, status {status}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableAnswer("it is not JSON") from None


def to_pause(retry_after: str | None, text: str) -> RateLimited:
    """What a 429 means. Spotify may leave out the header, also when a day's quota is used up."""
    kind, by_default = RateLimited, _PAUSE_SECONDS_BY_DEFAULT
    if "QUOTA_EXCEEDED" in text:
        kind, by_default = QuotaExceeded, _QUOTA_PAUSE_SECONDS_BY_DEFAULT
    seconds = _pause_seconds((retry_after or "").strip())
    return kind(by_default if seconds is None else math.ceil(min(seconds, _LONGEST_PAUSE_SECONDS)))


def _pause_seconds(retry_after: str) -> float | None:
    """From seconds, also with a fraction or a unit, or a date (RFC 9110, 10.2.3). None for a past date and the rest."""
    if number := re.fullmatch("([0-9]+([.][0-9]+)?) *(s|sec|secs|seconds?)?", retry_after, re.IGNORECASE):
        return float(number[1])
    try:
        ends_at = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    seconds = (ends_at if ends_at.tzinfo else ends_at.replace(tzinfo=UTC)) - datetime.now(UTC)
    return seconds.total_seconds() if seconds > timedelta(0) else None
