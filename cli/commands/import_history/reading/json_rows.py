"""Reads the items of a JSON array one by one: memory for one row and one chunk, however large the file is."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

_CHUNK = 1 << 18
# A row of a streaming history has about 800 characters.
_LONGEST_ROW = 1 << 20
_LONGEST_WORD = len("-Infinity") + 1
_BLANKS = re.compile(r"[ \t\n\r]*")
_ANOTHER = re.compile(r"[ \t\n\r]*,[ \t\n\r]*(?=\{)")
# Python refuses to read an integer of more than 4,300 digits; a column that is not read may hold one.
_DECODER = json.JSONDecoder(parse_int=lambda digits: int(digits) if len(digits) < 1000 else float(digits))


class NotRows(Exception):
    """The text completes the sentence "the file …"."""


def read_rows(stream: io.BufferedReader) -> Iterator[Any]:
    """Raises NotRows where the content stops being a JSON array, possibly after many rows.

    UTF-8 with or without a byte order mark, UTF-16 and UTF-32: what JSON may be written in.
    """
    head = stream.peek(4)[:4]
    if not head:
        raise NotRows("is empty")
    text = io.TextIOWrapper(stream, json.detect_encoding(head), newline="")
    try:
        yield from _items(_Window(text))
    except UnicodeDecodeError:
        raise NotRows("is not UTF-8, in which Spotify writes: an editor has saved it in another encoding") from None
    except (ValueError, RecursionError):
        raise NotRows("is not JSON, or only a part of it is there") from None


class _Window:
    """The part of a text that is looked at."""

    def __init__(self, text: TextIO) -> None:
        self._text, self._chars, self._at = text, "", 0

    def next(self) -> str:
        """The next character that is not blank, without taking it; empty at the end."""
        while True:
            if blanks := _BLANKS.match(self._chars, self._at):
                self._at = blanks.end()
            if self._at < len(self._chars):
                return self._chars[self._at]
            if not self._read_on():
                return ""

    def take(self) -> str:
        char = self.next()
        self._at += len(char)
        return char

    def values(self) -> Iterator[Any]:
        """The next value, and objects after it, as far as they are in the window with the beginning of another one."""
        self.next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._chars, self._at)
            except json.JSONDecodeError as error:
                # A text, or a last word such as false, may go on behind the window.
                is_cut = error.msg.startswith("Unterminated") or len(self._chars) - error.pos < _LONGEST_WORD
                if not (is_cut and self._read_on()):
                    raise
                continue
            if follows := _ANOTHER.match(self._chars, end):
                self._at = follows.end()
                yield value
            # A value at the end of the window may go on behind it: 12 could be 123.
            elif end < len(self._chars) or not self._read_on():
                self._at = end
                yield value
                return

    def _read_on(self) -> bool:
        """False at the end of the text."""
        if len(self._chars) - self._at > _LONGEST_ROW:
            raise NotRows("has a row of more than a million characters")
        more = self._text.read(_CHUNK)
        self._chars, self._at = self._chars[self._at :] + more, 0
        return bool(more)


def _items(window: _Window) -> Iterator[Any]:
    if window.next() == "{":
        raise NotRows("holds a JSON object, or one on each line, not a list of rows")
    if window.next() != "[":
        raise ValueError
    window.take()
    if window.next() == "]":
        window.take()
    else:
        separator = ","
        while separator == ",":
            yield from window.values()
            separator = window.take()
        if separator != "]":
            raise ValueError
    if window.next():
        raise ValueError
