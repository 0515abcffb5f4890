"""The clock of the laptop cloud: real time, unless a demo or a test moves it.

Several processes share one clock through a small file that holds the distance between simulated and real
time, so every server, function and batch of a simulated run has the same time. Standard library only: the
functions' own environments import this module.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path


class Clock:
    """Simulated time. Without a file it is private to its process (tests)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._offset = timedelta()

    def now(self) -> datetime:
        """The simulated instant, in UTC."""
        return datetime.now(UTC) + self.offset()

    def offset(self) -> timedelta:
        """How far simulated time is ahead of real time; negative when it is behind."""
        if self._path is not None:
            try:
                self._offset = timedelta(seconds=float(self._path.read_text()))
            except FileNotFoundError:
                self._offset = timedelta()
        return self._offset

    def set(self, instant: datetime) -> None:
        """Let simulated time run on from `instant`."""
        self._offset = instant - datetime.now(UTC)
        if self._path is not None:
            # Written beside it and renamed, so that no reader ever sees half a number.
            draft = self._path.with_suffix(".new")
            draft.write_text(repr(self._offset.total_seconds()))
            draft.replace(self._path)
