"""The plays of an export in columns of numbers: 26 bytes for each, where an object of Python's takes 500.

`Plays` reads like a list of ExportedPlay, whose objects exist only while they are looked at.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from cli.commands.import_history.reading.spotify_rows import COUNTS_FROM_MS, ExportedPlay, Manner
from cli.console import CliError

Column = NDArray[np.integer[Any]]
Names = tuple[str, str | None, str | None, str | None]
"""Of a track: its id, its name, the album's artist, the album."""

UNKNOWN = -1
"""In a column, what None is in an ExportedPlay: no instant here lies before 1970."""

_EPOCH = datetime.fromtimestamp(0, UTC)
_MS = timedelta(milliseconds=1)
_AT_ONCE = 10_000
_MOST_MANNERS = 1 << 16
_MOST_LETTERS = 200_000_000
"""Of the names of all tracks together: a million tracks have half of it."""


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970."""
    return (instant - _EPOCH) // _MS


def to_instant(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


class Rows:
    """Rows of files in the order in which they are read. `ts` in milliseconds since 1970, `began` in seconds.

    `own_file`: the number of the file, counted from 1, of a row that `export` has written, else 0.
    """

    late_ms: Column
    """Of each row how much later than its play's end its `ts` is; 0 where it is taken for the end."""

    def __init__(self, plays: Iterable[ExportedPlay] = ()) -> None:
        self.clear()
        for play in plays:
            self.append(to_ms(play.played_at), play)

    def clear(self) -> None:
        self.ts, self.began, self.ms_played = array("q"), array("i"), array("i")
        self.track, self.manner, self.own_file = array("i"), array("H"), array("i")
        # In the order of the numbers that `track` and `manner` hold.
        self.names: dict[Names, int] = {}
        self.manners: dict[Manner, int] = {Manner(): 0}
        self._letters = 0

    def append(self, ts: int, play: ExportedPlay, file: int = 1) -> None:
        names = play.track_id, play.track_name, play.artist_name, play.album_name
        self.ts.append(ts)
        self.began.append(UNKNOWN if play.started_at is None else to_ms(play.started_at) // 1000)
        self.ms_played.append(UNKNOWN if play.ms_played is None else play.ms_played)
        known = len(self.names)
        self.track.append(self.names.setdefault(names, known))
        # Real files have some hundred; of more than two bytes can number, the rest says nothing.
        manner = play.manner if len(self.manners) < _MOST_MANNERS else Manner()
        self.manner.append(self.manners.setdefault(manner, len(self.manners)))
        self.own_file.append(file if play.is_own else 0)
        if known < len(self.names):
            self._letters += sum(len(name) for name in names if name)
            if self._letters > _MOST_LETTERS:
                raise CliError(
                    f"The names of the tracks have more than {_MOST_LETTERS:,} letters, more than one listener's can "
                    "have. Nothing was stored."
                )


class Plays(Sequence[ExportedPlay]):
    """Each play once, the oldest first: instants in milliseconds since 1970, `began` in seconds.

    `late_ms`: how much later than its end a play has its `ts`; 0 where the `ts` is taken for the end.
    """

    def __init__(self, names: Sequence[Names], manners: Sequence[Manner], columns: Sequence[Column]) -> None:
        self._names, self._manners, self._columns = names, manners, columns
        self.played_at, _, self.ms_played, *_ = columns

    def __len__(self) -> int:
        return len(self.played_at)

    @overload
    def __getitem__(self, index: int) -> ExportedPlay: ...
    @overload
    def __getitem__(self, index: slice) -> "Plays": ...
    def __getitem__(self, index: int | slice) -> "ExportedPlay | Plays":
        if isinstance(index, slice):
            return Plays(self._names, self._manners, [column[index] for column in self._columns])
        return self._play(*(int(column[index]) for column in self._columns))

    def __iter__(self) -> Iterator[ExportedPlay]:
        for start in range(0, len(self), _AT_ONCE):
            part = (column[start : start + _AT_ONCE].tolist() for column in self._columns)
            for values in zip(*part, strict=True):
                yield self._play(*values)

    def _play(self, played_at: int, track: int, ms_played: int, began: int, late_ms: int, manner: int) -> ExportedPlay:
        return ExportedPlay(
            to_instant(played_at),
            *self._names[track],
            None if ms_played == UNKNOWN else ms_played,
            None if began == UNKNOWN else to_instant(began * 1000),
            to_instant(played_at + late_ms) if late_ms else None,
            self._manners[manner],
        )

    @property
    def short(self) -> int:
        """How many count nowhere."""
        return int(np.count_nonzero((self.ms_played >= 0) & (self.ms_played < COUNTS_FROM_MS)))

    @property
    def unmeasured(self) -> int:
        """Of how many the files say more than any track lasts."""
        return int(np.count_nonzero(self.ms_played == UNKNOWN))
