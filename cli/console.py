"""Console output: progress on stderr, the result on stdout, as text or as JSON; errors as a sentence.

Much of it comes from Spotify, from BigQuery, and from the names of tracks. Nothing here lets a text steer the terminal.
Tables are our own: rich wraps one at 80 columns where a program reads it, and passes on marks that turn the direction
of writing.

CliError
├── Misused     the command line is wrong: exit code 2
└── everything else: exit code 1
"""

import argparse
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from failures import duration as duration  # for the commands
from localcloud.terminal import plain

_NARROWEST = 30
_LONGEST_WAIT_SECONDS = 7 * 24 * 3600


class CliError(Exception):
    """Says what happened and what to do now, without any secret."""

    exit_code = 1


class Misused(CliError):
    """What was typed cannot be meant."""

    exit_code = 2


def say(text: str) -> None:
    """Progress and questions: never on stdout, which may be read by a program."""
    print(plain(text), file=sys.stderr, flush=True)


def announcer() -> Callable[[str], None]:
    """For a loop that waits: says each text once."""
    return cache(say)


def show_progress(done: int, total: int, noun: str) -> None:
    """A bar that moves on a terminal, a line each time elsewhere."""
    words, filled = f"{done:,} of {total:,} {noun}", 30 * done // total
    if not sys.stderr.isatty():
        say(words)
        return
    end = "\n" if done == total else ""
    print(f"\r{'█' * filled}{'░' * (30 - filled)}  {words}", end=end, file=sys.stderr, flush=True)


def ask(prompt: str) -> str:
    """A line of input; empty when there is no more."""
    print(plain(prompt), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def show(text: str) -> None:
    """A result as text."""
    print(plain(text), flush=True)


def print_json(value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=in_json)
    print(plain(text), flush=True)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As wide as the terminal; as wide as it needs to be when a program reads it."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print("\n".join(table_lines(heads, rows, width)), flush=True)


def print_counts(heads: tuple[str, str], rows: Sequence[tuple[int, str]]) -> None:
    """Numbers on the right of their column, and what became of so many."""
    width = max(len(heads[0]), *(len(f"{count:,}") for count, _ in rows))
    print_table(heads, [(f"{count:,}".rjust(width), words) for count, words in rows])


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Columns side by side, two spaces between; with a width, the last column is wrapped into what is left of it."""
    table = [heads, *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads) - 1)]
    indent = sum(widths) + 2 * len(widths)
    room = None if width is None else max(_NARROWEST, width - indent)
    lines = []
    for *cells, last in table:
        start = "".join(f"{cell:<{width}}  " for cell, width in zip(cells, widths, strict=True))
        for part in (textwrap.wrap(last, room) if room else [last]) or [""]:
            lines.append((start + part).rstrip())
            start = " " * indent
    return lines


def one_line(text: str) -> str:
    """Spaces at the start stay: they are how a number stands on the right of its column."""
    words = text.lstrip(" ")
    return " " * (len(text) - len(words)) + plain(re.sub(r"\s+", " ", words))


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: 1 play, 2,000 plays. `plural`: where an s at the end is not it."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def minute(instant: datetime | None) -> str:
    """An instant for people: UTC, to the minute."""
    return "-" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def seconds(text: str) -> float:
    """How long to wait, as an option says it: nan would never be over, and no lock of Python's waits for 300 years."""
    number = float(text)
    if not 0 <= number <= _LONGEST_WAIT_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds up to {_LONGEST_WAIT_SECONDS:,}, a week")
    return number


def iso(instant: datetime) -> str:
    """An instant for programs: UTC, to the millisecond, as the keys of plays and gaps are."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_json(value: Any) -> str:
    """What JSON itself has no form for."""
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
