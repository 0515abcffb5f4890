"""Escapes text for Markdown: a title may look like a link, a picture, a formula or an icon."""

import re
import string

_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")
# What is found in the text after Markdown is read, where no backslash helps: addresses that become links, :names: that
# become icons and emoji, and --, -> or <=, which Streamlit replaces by one character. A word joiner has no width and is
# not a part of any of them.
_FOUND_LATER = re.compile(r"(?<=[:@])(?=\S)|(?<=www)(?=\.)|(?<=[<>~-])(?=[-=>])", re.IGNORECASE)
_WORD_JOINER = "\u2060"
# A name in another direction of writing, or with marks for one, leaves the sentence around it as it is.
_ISOLATED = "\u2068{}\u2069"
_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u0590-\u08ff\ufb1d-\ufefc]")


def literal(text: object) -> str:
    """The text as it is, on one line, whatever is in it."""
    line = " ".join("".join(letter for letter in str(text) if letter not in "\u2066\u2067\u2068\u2069").split())
    joined = _FOUND_LATER.sub(_WORD_JOINER, line)
    escaped = _PUNCTUATION.sub(r"\\\1", joined)
    return _ISOLATED.format(escaped) if _MARKS.search(line) else escaped


def plain(markdown: str) -> str:
    """A sentence for screen readers: without its asterisks and what `literal` put in."""
    shown = re.sub(r"\\(.)|\*\*", lambda match: match[1] or "", markdown)
    return re.sub("[\u2060\u2068\u2069]", "", shown)
