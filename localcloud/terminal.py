"""What a terminal shows of texts that others wrote: nothing in them steers it."""

import json


def plain(text: str) -> str:
    """The text with every character that would not show as itself spelled out; line ends stay.

    Control characters, marks that turn the direction of writing and the like are written as JSON spells them: \\u001b.
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text)
