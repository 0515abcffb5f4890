"""Texts and instants at a terminal: what others wrote is shown without steering it; options are read as UTC."""

import argparse
import codecs
import io
import json
import sys
from datetime import UTC, datetime


def plain(text: str) -> str:
    """The text with every character that would not show as itself spelled out; line ends stay.

    Control characters, marks that turn the direction of writing and the like are written as JSON spells them: \\u001b.
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else _spelled(letter) for letter in text)


def spell_out_on_stdout() -> None:
    """From now on stdout spells out, too, what its encoding lacks, such as ö in ASCII, instead of raising an error.

    Spelled like this, JSON stays JSON. Python does nearly the same on stderr by itself.
    """
    codecs.register_error("spelled", _spell)
    if isinstance(sys.stdout, io.TextIOWrapper):  # closed, it is None
        sys.stdout.reconfigure(errors="spelled")


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _spelled(error.object[error.start : error.end]), error.end


def _spelled(text: str) -> str:
    return json.dumps(text)[1:-1]


def instant(text: str) -> datetime:
    """The type of an option such as 2026-11-22T10:00:00Z; without a time zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an instant like 2026-11-22T10:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
