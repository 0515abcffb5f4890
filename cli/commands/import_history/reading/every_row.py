"""Accounts for every row of an export's files: plays, repeats, rows left out, and why. Pure."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from cli.commands.import_history.reading import play_times
from cli.commands.import_history.reading.plays import Column, Plays, Rows, to_ms
from cli.commands.import_history.reading.spotify_files import ExportFile, Finding, UnreadFile
from cli.commands.import_history.reading.spotify_rows import EXPORTED_BY, ExportedPlay, Kind, LeftOut, parse_row
from cli.console import CliError

# A listener who never sleeps has so many plays in twenty years.
MOST_ROWS = 4_000_000
_LISTED = 1000
_MOST_ACCOUNTS = 100
"""More than one is wrong already."""


@dataclass(frozen=True)
class UnreadableRow:
    """Where it is, counted from 0, and what is wrong with it."""

    file: str
    index: int
    reason: str


@dataclass
class FilePlays:
    """The plays of one file in its own order, small enough to be kept of every file."""

    name: str
    package: str
    is_video: bool = False
    number: int | None = None
    instants: "array[int]" = field(default_factory=lambda: array("q"))
    """The `ts` of each play, in milliseconds since 1970."""
    tracks: "array[int]" = field(default_factory=lambda: array("q"))
    """Of each play a hash of its track id; 0 when it was too short to count."""
    played_ms: "array[int]" = field(default_factory=lambda: array("i"))
    """Of each play the time played; 0 when that is not known."""
    doubts: set[int] = field(default_factory=set)
    """Positions in `instants`: between this play and the one before stands a row that cannot be stored."""
    is_own_export: bool = False
    """Whether `export` has written it, or a row of it."""
    late_ms: Column | int = 0
    """Of each play how much earlier than its `ts` it ended: known once all files are read."""

    @property
    def ends(self) -> Column:
        """When each play ended, in milliseconds since 1970."""
        return np.array(self.instants, np.int64) - self.late_ms

    def add(self, instant: int, play: ExportedPlay) -> None:
        self.instants.append(instant)
        self.tracks.append(hash(play.track_id) if play.counts else 0)
        self.played_ms.append(play.ms_played or 0)


@dataclass
class Reading:
    """What the files hold. `rows` is the number of plays, repeats and rows left out together."""

    now: datetime
    rows_by_file: dict[str, int] = field(default_factory=dict)
    left_out: Counter[Kind] = field(default_factory=Counter)
    unreadable: list[UnreadableRow] = field(default_factory=list)
    """The first thousand."""
    files: list[FilePlays] = field(default_factory=list)
    unread: list[UnreadFile] = field(default_factory=list)
    account_names: set[str] = field(default_factory=set)
    """The accounts that rows of old exports name. They are compared, and go nowhere."""
    listeners: set[str] = field(default_factory=set)
    """The listeners whose plays `export` has written."""
    emptied: Counter[str] = field(default_factory=Counter)
    """By column, in how many rows of a file of `export` a value is out of bounds, so that NULL is stored."""
    _rows: Rows = field(default_factory=Rows)

    @property
    def rows(self) -> int:
        return sum(self.rows_by_file.values())

    @cached_property
    def plays(self) -> Sequence[ExportedPlay]:
        """Each once, the oldest first. To be read once all files are added."""
        return self._dated

    @cached_property
    def _dated(self) -> Plays:
        plays = play_times.dated(self._rows)
        behind = np.cumsum([len(file.instants) for file in self.files])
        for file, late_ms in zip(self.files, np.split(self._rows.late_ms, behind), strict=False):
            file.late_ms = late_ms
        return plays

    @property
    def repeats(self) -> int:
        return sum(len(file.instants) for file in self.files) - len(self.plays)

    @property
    def short(self) -> int:
        """Plays that count nowhere."""
        return self._dated.short

    @property
    def unmeasured(self) -> int:
        """Plays of which the files say more than any track lasts."""
        return self._dated.unmeasured

    @property
    def lacks_videos(self) -> bool:
        """Whether a file of videos was not read to its end. Music videos are of any time."""
        return any(file.is_video for file in self.unread)

    def add(self, file: ExportFile) -> None:
        plays = FilePlays(file.name, file.package, file.is_video, file.number)
        self.rows_by_file.setdefault(file.name, 0)
        for index, row in enumerate(self._counted(file)):
            outcome = parse_row(row, self.now)
            if isinstance(outcome, ExportedPlay):
                plays.is_own_export |= outcome.is_own
                instant = to_ms(outcome.played_at)
                plays.add(instant, outcome)
                self._rows.append(instant, outcome, len(self.files) + 1)
            else:
                if outcome.is_lost:
                    plays.doubts.add(len(plays.instants))
                self._add_left_out(outcome, file.name, index)
        if file.damage:
            plays.doubts.add(len(plays.instants))
        self.files.append(plays)

    def _counted(self, file: ExportFile) -> Iterator[Any]:
        left = MOST_ROWS - self.rows
        for row in file.rows:
            self.rows_by_file[file.name] += 1
            left -= 1
            if left < 0:
                raise CliError(
                    f"{file.name}: with it there are more than {MOST_ROWS:,} rows, more than one listener can have. "
                    "Nothing was stored."
                )
            for key, names in (("username", self.account_names), (EXPORTED_BY, self.listeners)):
                name = row.get(key) if isinstance(row, dict) else None
                if name and isinstance(name, str) and len(names) < _MOST_ACCOUNTS:
                    names.add(name)
            yield row

    def _add_left_out(self, outcome: LeftOut, file: str, index: int) -> None:
        self.left_out[outcome.kind] += 1
        if outcome.kind == "unreadable" and len(self.unreadable) < _LISTED:
            self.unreadable.append(UnreadableRow(file, index, outcome.reason))


def read(findings: Iterable[Finding], now: datetime) -> Reading:
    """Rows dated later than a day after `now` are unreadable."""
    reading = Reading(now)
    for finding in findings:
        if isinstance(finding, ExportFile):
            reading.add(finding)
        else:
            reading.unread.append(finding)
    return reading
