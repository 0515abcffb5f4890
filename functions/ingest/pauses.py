"""The pauses that a service asks for with 429. They are for all threads, because a service counts the calls of an app.

Short ones are waited for. A long one, or one too many, is an order to leave the service alone for the rest of the run.
"""

import time
from threading import Lock

from failures import NotAsked, RateLimited

_LONGEST_SLEEP_SECONDS = 30
# For a whole run: what Cloud Run gives it, 900 s, must hold everything else as well.
_MOST_SECONDS_IN_ALL = 180


class Pauses:
    """One service's pauses during one run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ends_at = time.monotonic()
        self._seconds_left = float(_MOST_SECONDS_IN_ALL)
        self._is_over = False

    def wait(self) -> None:
        """Return when the service may be asked. Raises NotAsked when it may not be asked any more in this run."""
        while not self._is_over and (seconds := self._ends_at - time.monotonic()) > 0:
            time.sleep(seconds)
        if self._is_over:
            raise NotAsked("Spotify had just asked for a pause")

    def begin(self, asked: RateLimited) -> None:
        """Have everybody wait for as long as was asked. Raises `asked` when that is too long to be waited for."""
        with self._lock:
            now = time.monotonic()
            begins_at, self._ends_at = max(now, self._ends_at), max(now + asked.pause_seconds, self._ends_at)
            self._seconds_left -= max(0.0, self._ends_at - begins_at)
            self._is_over |= asked.pause_seconds > _LONGEST_SLEEP_SECONDS or self._seconds_left < 0
        if self._is_over:
            raise asked

    def end(self) -> None:
        """Have nobody ask any more."""
        self._is_over = True
