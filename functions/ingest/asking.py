"""One question over HTTP and the patience that goes with it: time-outs and retries; pauses.py has the pauses.

What a refusal (any other 4xx) means and what a good answer must hold is for the caller to say.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import requests

from failures import Failure, RateLimited, SpotifyUnavailable, UnreadableAnswer
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
        )
    except requests.RequestException as error:  # its text is left out: it can quote the call
        raise SpotifyUnavailable(f"no answer, {type(error).__name__}") from None
    return _body(response, refusal)


def _body(response: requests.Response, refusal: Refusal) -> Any:
    text = response.content.decode("utf-8", "replace")
    if response.status_code == 429:
        raise RateLimited(pause_seconds(response.headers.get("Retry-After"), text))
    if response.status_code >= 500 or text.lstrip().startswith("<"):
        raise SpotifyUnavailable(f"status {response.status_code}")
    if response.status_code >= 400:
        raise refusal(response.status_code, text)
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise UnreadableAnswer("it is not JSON") from None


def pause_seconds(retry_after: str | None, body: str) -> int:
    """How long to wait after a 429. Spotify may leave out the header, also when a day's quota is used up."""
    if retry_after is not None and retry_after.strip().isdecimal():
        return min(int(retry_after), _LONGEST_PAUSE_SECONDS)
    return _QUOTA_PAUSE_SECONDS_BY_DEFAULT if "QUOTA_EXCEEDED" in body else _PAUSE_SECONDS_BY_DEFAULT
