"""Texts and instants at a terminal: what others wrote is shown without steering it; options are read as UTC."""

import argparse
import json
from datetime import UTC, datetime


def plain(text: str) -> str:
    """The text with every character that would not show as itself spelled out; line ends stay.

    Control characters, marks that turn the direction of writing and the like are written as JSON spells them: \\u001b.
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text)


def instant(text: str) -> datetime:
    """The type of an option such as 2026-11-22T10:00:00Z; without a time zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an instant like 2026-11-22T10:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
