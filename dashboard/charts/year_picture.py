"""A year or month as a picture to keep: an SVG of text and rectangles, without covers, which may not be altered."""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 1080, 1350
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
_INK, _PAPER, _SOFT, _ACCENT = "#171A21", "#FFFFFF", "#5B6270", "#4F46C8"
_WIDE, _NARROW = 56, 25
"""Characters that fit in a line; those of East Asia take the room of two."""
_FEWEST_BARS = 6
"""A year of one month has no bar as wide as the picture."""
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML file may hold, even escaped: one of these, and no program shows the picture."""
_COLUMNS = (72, 402, 632, 832)
"""Where the numbers begin: the first is the widest, `99 h 59 min` over `listened, estimated`."""
_MARK = Path(__file__).parents[1] / "static" / "spotify-mark.svg"
"""Has to stand beside Spotify's data."""


def svg(
    title: str,
    name: str,
    numbers: Sequence[tuple[str, str]],
    lists: Sequence[tuple[str, Sequence[str]]],
    bars: Sequence[float],
    bar_names: Sequence[str],
) -> bytes:
    """`numbers`: (value, what it is), at most four; `lists`: (heading, lines), at most three of five lines; `bars`: the
    months or days, any unit.
    """
    drawing = _MARK.read_text(encoding="utf-8")
    mark = drawing[drawing.index("<path") : drawing.index("</svg>")]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="{escape(_FONT, quote=True)}" role="img" aria-label="{_xml(title)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{_PAPER}"/>',
        f'<rect width="{WIDTH}" height="16" fill="{_ACCENT}"/>',
        _text(72, 150, title, 84, weight=800),
        _text(72, 206, name, 34, _SOFT),
        *(
            part
            for x, (value, what) in zip(_COLUMNS, numbers, strict=False)
            for part in (_text(x, 310, value, 46, _ACCENT, 750), _text(x, 350, what, 26, _SOFT))
        ),
        *_bars(bars, bar_names),
        *_lists(lists),
        f'<g transform="translate(72 {HEIGHT - 66}) scale(1.25)">{mark}</g>',
        _text(112, HEIGHT - 42, "Heavy Rotation · data from Spotify", 26, _SOFT),
        "</svg>",
    ]
    return "".join(parts).encode()


def _bars(values: Sequence[float], names: Sequence[str]) -> list[str]:
    top, bottom, left, width = 400, 600, 72, WIDTH - 144
    most = max(values, default=0) or 1
    step = width / max(len(values), _FEWEST_BARS)
    parts = []
    for place, (value, name) in enumerate(zip(values, names, strict=True)):
        height = max(3.0, (bottom - top) * value / most)
        x = left + place * step
        parts.append(
            f'<rect x="{x + step * 0.12:.1f}" y="{bottom - height:.1f}" width="{step * 0.76:.1f}" '
            f'height="{height:.1f}" rx="5" fill="{_ACCENT}"/>'
        )
        parts.append(_text(x + step / 2, bottom + 34, name, 22, _SOFT, anchor="middle"))
    return parts


def _lists(lists: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    parts = []
    for place, (heading, lines) in enumerate(lists[:3]):
        x, y = (72, 720) if place == 0 else (72 + (place - 1) * 480, 1010)
        parts.append(_text(x, y, heading, 30, weight=700))
        room = _WIDE if place == 0 else _NARROW
        for number, line in enumerate(lines[:5], start=1):
            # A number of its own, or a title written from right to left would change places with it.
            parts.append(_text(x, y + 46 * number, f"{number}", 28, _SOFT))
            parts.append(_text(x + 34, y + 46 * number, _cut(line, room), 28))
    return parts


def _cut(text: str, room: int) -> str:
    widths = [2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text]
    if sum(widths) <= room:
        return text
    fitting = sum(width <= room - 1 for width in itertools.accumulate(widths))
    return text[:fitting].rstrip() + "…"


def _text(
    x: float, y: float, text: str, size: int, colour: str = _INK, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}">{_xml(text)}</text>'
    )


def _xml(text: str) -> str:
    return escape(_NO_XML.sub("", text), quote=True)
