"""Where a text names a listener: only the whole name counts. Pure.

A name's neighbours are no letters of a name: anna is not joanna, nor anna-2.
"""

import re


def is_named(listener: str, text: str) -> bool:
    return _whole(listener).search(text) is not None


def renamed(listener: str, text: str, instead: str) -> str:
    return _whole(listener).sub(instead, text)


def _whole(listener: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(listener)}(?![\w-])")
