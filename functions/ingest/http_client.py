"""HTTP client with time-outs, retries, rate-limit pauses and bounded bodies.

What a refusal (any other 4xx) means and what a good answer must hold is for the caller to say.
"""

import json
import math
import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from threading import Lock
from typing import Any, TypeGuard, TypeVar

import requests
import urllib3

from failures import (
    Failure,
    NotAsked,
    QuotaExceeded,
    RateLimited,
    RequestRefused,
    SpotifyUnavailable,
    UnreadableAnswer,
)

_CONNECT_SECONDS, _READ_SECONDS = 5, 20

_MOST_ATTEMPTS = 3
_FIRST_WAIT_SECONDS = 0.25

# Of a thousand listeners' calls some meet a second 429 by chance after they have waited, hardly one a fourth.
_MOST_PAUSES = 3
_PAUSE_SECONDS_BY_DEFAULT = 5
# A quota counts over a rolling day; without a Retry-After the next hourly run calls, at the same second of its hour.
_QUOTA_PAUSE_SECONDS_BY_DEFAULT = 3300
# The longest pause seen in the wild is a day. Twice that, and one call finds out whether it still holds.
_LONGEST_PAUSE_SECONDS = 48 * 3600
# A longer pause, or one too many, ends the calls to the service for the rest of the run.
LONGEST_SLEEP_SECONDS = 30
# All pauses of a run together: what Cloud Run gives it, 900 s, must hold everything else as well.
_MOST_PAUSE_SECONDS = 180

# A page of 50 plays has about 0.4 MB, with every field that Spotify ever sent. A row of BigQuery's may have 100 MB.
_MOST_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
_WHOLE_SECONDS = 45

T = TypeVar("T")

Refusal = Callable[[int, str], Failure]
"""From a 4xx status and the body's text to what they mean."""


@dataclass(frozen=True)
class Call:
    """Its headers and form hold secrets, so neither shows."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = field(default=None, repr=False)


class Session(requests.Session):
    """Keeps connections, but no cookies: Spotify's answer for one listener is not for the next.

    It follows no redirect: a token is for the server that was called, and for no other. With `allow_redirects=False`
    `requests` still reads the whole body, however long, and raises Python's errors for a target that is no URL.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class HttpClient:
    """The calls to one service during one run, from all threads.

    A pause that the service asks for with 429 applies to all of them, because a service counts the calls of an app.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = Lock()
        self._pause_ends_at = time.monotonic()
        self._pause_seconds_left = float(_MOST_PAUSE_SECONDS)
        self._is_closed = False

    def fetch(self, call: Call, read: Callable[[Any], T], refusal: Refusal) -> T:
        """What `read` makes of the JSON that came back; it raises UnreadableAnswer when it misses something.

        Three attempts while the service is unavailable, and a few short pauses when it asks for them. Raises Failure.
        """
        pauses = failures = 0
        while True:
            self._wait()
            try:
                return read(_json_of(self._send(call), refusal))
            except RateLimited as failure:
                pauses += 1
                if pauses > _MOST_PAUSES:
                    self._is_closed = True
                    raise
                self._pause(failure)
            except (SpotifyUnavailable, UnreadableAnswer):
                failures += 1
                if failures == _MOST_ATTEMPTS:
                    raise
                # Longer after each attempt, and never the same for two listeners that failed together.
                seconds = _FIRST_WAIT_SECONDS * 3.0 ** (failures - 1)
                time.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311 -- not a secret

    def _wait(self) -> None:
        """Until no pause lasts. Raises NotAsked when the service may not be called any more in this run."""
        while not self._is_closed and (seconds := self._pause_ends_at - time.monotonic()) > 0:
            time.sleep(seconds)
        if self._is_closed:
            raise NotAsked("the service had just asked for a pause")

    def _pause(self, limited: RateLimited) -> None:
        """Make all threads wait for as long as the service asks. Raises `limited` when that is too long."""
        with self._lock:
            now = time.monotonic()
            begins_at = max(now, self._pause_ends_at)
            self._pause_ends_at = max(now + limited.pause_seconds, self._pause_ends_at)
            self._pause_seconds_left -= max(0.0, self._pause_ends_at - begins_at)
            self._is_closed |= limited.pause_seconds > LONGEST_SLEEP_SECONDS or self._pause_seconds_left < 0
        if self._is_closed:
            raise limited

    def _send(self, call: Call) -> requests.Response:
        try:
            return self._session.request(
                call.method,
                call.url,
                headers=dict(call.headers),
                params=dict(call.params),
                data=call.form,
                timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                stream=True,
            )
        except requests.RequestException as error:  # its text is left out: it can quote the call
            raise SpotifyUnavailable(f"no answer, {type(error).__name__}") from None


def _json_of(response: requests.Response, refusal: Refusal) -> Any:
    text = _read_text(response)
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


def _read_text(response: requests.Response) -> str:
    """The whole body as text, with U+FFFD for what is not UTF-8. Raises SpotifyUnavailable.

    Bounded in bytes and seconds: a server that sends without end, or a byte now and then, must not block the run.
    """
    pieces, size, deadline = list[bytes](), 0, time.monotonic() + _WHOLE_SECONDS
    with response:
        while True:
            try:
                # What has arrived, not what would fill a buffer. Empty at the end.
                piece = response.raw.read1(_PIECE_BYTES, decode_content=True)
            except urllib3.exceptions.HTTPError as error:  # its text is left out: it can quote the call
                raise SpotifyUnavailable(f"a broken answer, {type(error).__name__}") from None
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
            if size > _MOST_BYTES:
                raise SpotifyUnavailable("an answer without end")
            if time.monotonic() > deadline:
                raise SpotifyUnavailable(f"an answer that was not whole after {_WHOLE_SECONDS} s")
    return b"".join(pieces).decode("utf-8", "replace").removeprefix("\ufeff")


def to_pause(retry_after: str | None, text: str) -> RateLimited:
    """What a 429 means. Spotify may leave out the header, also when a day's quota is used up.

    The header has seconds, also with a fraction or a unit, or a date (RFC 9110, 10.2.3). 0 (spotify/web-api#542),
    a past date and anything else count as no header.
    """
    kind, seconds = RateLimited, float(_PAUSE_SECONDS_BY_DEFAULT)
    if "QUOTA_EXCEEDED" in text:
        kind, seconds = QuotaExceeded, float(_QUOTA_PAUSE_SECONDS_BY_DEFAULT)
    header = (retry_after or "").strip()
    if number := re.fullmatch("([0-9]+([.][0-9]+)?) *(s|sec|secs|seconds?)?", header, re.IGNORECASE):
        return kind(math.ceil(min(float(number[1]), _LONGEST_PAUSE_SECONDS) or seconds))
    with suppress(ValueError, OverflowError):
        ends_at = parsedate_to_datetime(header)
        left = (ends_at if ends_at.tzinfo else ends_at.replace(tzinfo=UTC)) - datetime.now(UTC)
        seconds = min(left.total_seconds(), _LONGEST_PAUSE_SECONDS) if left > timedelta(0) else seconds
    return kind(math.ceil(seconds))


def is_token(value: Any) -> TypeGuard[str]:
    """Whether it is made of what a header can hold. Anything else could never be sent back to Spotify."""
    return isinstance(value, str) and re.fullmatch("[!-~]+", value) is not None


def list_in(body: Any, name: str) -> list[Any]:
    """The list that an answer exists for. Raises UnreadableAnswer."""
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, list):
        raise UnreadableAnswer(f"it lacks the list {name}")
    return value
