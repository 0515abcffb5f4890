"""Every row of the files of an export, accounted for: the plays, each once, and how many rows are what. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cli.export_files import ExportFile
from cli.export_rows import ExportedPlay, Kind, LeftOut, parse_rows

Key = tuple[datetime, str]
"""Of one listener's play: played_at, track_id."""


@dataclass(frozen=True)
class UnreadableRow:
    """Where it is, counted from 0, and what is wrong with it."""

    file: str
    index: int
    reason: str


@dataclass
class Reading:
    """What the files hold. `rows` is the number of plays, repeats and rows left out together."""

    rows_by_file: dict[str, int] = field(default_factory=dict)
    repeats: int = 0
    left_out: Counter[Kind] = field(default_factory=Counter)
    unreadable: list[UnreadableRow] = field(default_factory=list)
    spans: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    """First and last play of each package, by its path: Spotify's files have no holes."""
    _plays: dict[Key, ExportedPlay] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(self.rows_by_file.values())

    @property
    def plays(self) -> list[ExportedPlay]:
        """The oldest first."""
        return [self._plays[key] for key in sorted(self._plays)]

    def add(self, file: ExportFile) -> None:
        self.rows_by_file[file.name] = self.rows_by_file.get(file.name, 0) + len(file.rows)
        for index, outcome in enumerate(parse_rows(file.rows)):
            if isinstance(outcome, ExportedPlay):
                self._add_play(outcome, file.package)
            else:
                self._add_left_out(outcome, file.name, index)

    def _add_play(self, play: ExportedPlay, package: str) -> None:
        """Of rows with the same end and track, which real files have, the one heard longest is the play."""
        key = play.played_at, play.track_id
        known = self._plays.get(key)
        self.repeats += known is not None
        if known is None or play.ms_played > known.ms_played:
            self._plays[key] = play
        first, last = self.spans.get(package, (play.played_at, play.played_at))
        self.spans[package] = min(first, play.played_at), max(last, play.played_at)

    def _add_left_out(self, outcome: LeftOut, file: str, index: int) -> None:
        self.left_out[outcome.kind] += 1
        if outcome.kind == "unreadable":
            self.unreadable.append(UnreadableRow(file, index, outcome.reason))


def read(files: Iterable[ExportFile]) -> Reading:
    reading = Reading()
    for file in files:
        reading.add(file)
    return reading
