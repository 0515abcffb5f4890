"""What a terminal shows of texts that others wrote: nothing in them steers it."""

import json


def plain(text: str) -> str:
    """The text with every character that would not show as itself spelled out; line ends stay.

    Control characters, marks that turn the direction of writing and the like are written as JSON spells them: \\u001b.
    """
    return "\n".join("".join(map(_spelled, line)) for line in text.split("\n"))


def _spelled(letter: str) -> str:
    return letter if letter.isprintable() else json.dumps(letter)[1:-1]
