"""HTML of ranked lists, tables, legends and covers. Every text is escaped; covers come from Spotify's hosts only."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from theme import Colours

# Anything else in `image_url` is not shown: the page makes no other outside request.
COVER_HOSTS = frozenset({"i.scdn.co", "mosaic.scdn.co"})

STYLE = f"<style>{(Path(__file__).parents[1] / 'static' / 'lists.css').read_text(encoding='utf-8')}</style>"

# White on each of these is at least 4.5:1.
TILES = ("#4F46C8", "#0E7C66", "#B43C0B", "#7A6100", "#A21A72", "#0B66AD", "#5B6270")


@dataclass(frozen=True)
class Row:
    """One line of a list. `share` (0 to 1) draws the thin bar; `rank` and `move` only in ranked lists."""

    title: str
    second: str
    main: str
    small: str = ""
    share: float | None = None
    rank: int | None = None
    is_tied: bool = False
    move: str = ""
    image_url: str | None = None
    spotify_url: str | None = None
    title_href: str | None = None
    second_href: str | None = None
    monogram: str = ""
    fill: str = ""
    """The thin bar's background in CSS, where it is not of one colour."""
    is_current: bool = False
    """Whether it is what the page is about."""


def ranked(rows: Iterable[Row], colours: Colours, label: str) -> str:
    """An ordered list: screen readers say how long it is and where they are."""
    shown = list(rows)
    moves = " hr-moves" if any(row.move for row in shown) else ""
    return _list("ol", f"hr-rows hr-ranked{moves}", shown, colours, label)


def unranked(rows: Iterable[Row], colours: Colours, label: str) -> str:
    return _list("ul", "hr-rows", rows, colours, label)


def cover(title: str, name: str, image_url: str | None, spotify_url: str | None, *, large: bool = False) -> str:
    """The picture, over a tile with initials of `name` that shows when there is none; it links to Spotify."""
    size = " hr-large" if large else ""
    shown = image_url if image_url and is_cover(image_url) else ""
    inside = shown and f'<img src="{escape(shown, quote=True)}" alt="" loading="lazy">'
    words = [word for word in name.split() if word[0].isalnum()] or [name or "?"]
    initials = "".join(word[0] for word in words[:2]).upper()
    # The same name always gets the same colour, in every process.
    tile = TILES[hashlib.sha256(name.encode()).digest()[0] % len(TILES)]
    style = f'style="background:{tile}" data-initials="{escape(initials, quote=True)}"'
    if not spotify_url or not spotify_url.startswith("https://open.spotify.com/"):
        return f'<span class="hr-cover{size}" {style}>{inside}</span>'
    label = escape(f"{title} on Spotify", quote=True)
    return (
        f'<a class="hr-cover{size}" {style} href="{escape(spotify_url, quote=True)}" target="_blank" '
        f'title="{label}" aria-label="{label}">{inside}</a>'
    )


def is_cover(image_url: object) -> bool:
    """Whether it may be shown: a picture on a host of Spotify's."""
    if not isinstance(image_url, str):
        return False
    try:
        address = urlsplit(image_url)
    except ValueError:
        return False
    return address.scheme == "https" and address.netloc in COVER_HOSTS


def problems(items: Iterable[str], colours: Colours) -> str:
    """The list of what `problem` makes."""
    label = f'aria-label="What went wrong" style="{variables(colours)}"'
    return f'<ul class="hr-rows hr-problems" {label}>{"".join(items)}</ul>'


def problem(
    when: str, where: str, state: str, glyph: str, what: str, next_step: str, colours: Colours, *, is_over: bool
) -> str:
    """`next_step` is empty where it is over, or where `what` says it already."""
    return (
        f'<li><span class="hr-swatch" aria-hidden="true" style="background:{colours.states[state]};'
        f'color:{colours.on_state[state]}">{escape(glyph)}</span>'
        f"<div><p><b>{escape(when)}</b> · {escape(where)} · {escape(state)} · {'over' if is_over else 'open'}</p>"
        f'<p class="hr-what">{escape(what)}{f" <b>Next:</b> {escape(next_step)}" if next_step else ""}</p></div></li>'
    )


def table(headings: Sequence[str], lines: Iterable[Sequence[str]], name: str) -> str:
    """A small table; a large one is for st.dataframe, whose grid costs the browser 300 KB."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return (
        f'<div class="hr-table" tabindex="0" role="region" aria-label="{escape(name, quote=True)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def legend(items: Iterable[tuple[str, str, str, str]]) -> str:
    """Swatches that wrap: (name, colour, glyph, colour of the glyph)."""
    swatches = (
        f'<li><span class="hr-swatch" aria-hidden="true" style="background:{colour};color:{ink}">{escape(glyph)}</span>'
        f"{escape(name)}</li>"
        for name, colour, glyph, ink in items
    )
    return f'<ul class="hr-legend" aria-label="Legend">{"".join(swatches)}</ul>'


def heat_scale(most: str, colours: Colours, *, with_gaps: bool = False) -> str:
    """What the colours of a heat map mean, in one line: from nothing to `most`."""
    gradient = f"background:linear-gradient(to right,{','.join(colours.sequential)})"
    gap = (
        f'<li><span class="hr-swatch" aria-hidden="true" style="border:2px solid {colours.warning}"></span>'
        "plays may be missing</li>"
        if with_gaps
        else ""
    )
    return (
        f'<ul class="hr-legend" aria-label="Legend" style="{variables(colours)}"><li>0'
        f'<span class="hr-gradient" aria-hidden="true" style="{gradient}"></span>'
        f"{escape(most)}</li>{gap}</ul>"
    )


def variables(colours: Colours) -> str:
    return f"--hr-primary:{colours.primary};--hr-muted:{colours.muted}"


def _list(tag: str, classes: str, rows: Iterable[Row], colours: Colours, label: str) -> str:
    items = "".join(_item(row) for row in rows)
    name = escape(label, quote=True)
    return f'<{tag} class="{classes}" aria-label="{name}" style="{variables(colours)}">{items}</{tag}>'


def _item(row: Row) -> str:
    tie = '<span aria-hidden="true">=</span><span class="hr-hidden"> shared</span>' if row.is_tied else ""
    move = f'<span class="hr-move">{_move(row.move)}</span>' if row.move else ""
    rank = "" if row.rank is None else f'<div class="hr-rank">{row.rank}{tie}{move}</div>'
    fill = f";background:{row.fill}" if row.fill else ""
    width = "" if row.share is None else f"width:{max(row.share, 0.01) * 100:.1f}%"
    bar = width and f'<div class="hr-bar" style="{width}{fill}"></div>'
    second = _line("hr-second", row.second, row.second_href) if row.second else ""
    current = ' aria-current="true"' if row.is_current else ""
    return (
        f"<li{current}>{rank}{cover(row.title, row.monogram or row.title, row.image_url, row.spotify_url)}"
        f"<div>{_line('hr-title', row.title, row.title_href)}{second}{bar}</div>"
        f'<div class="hr-numbers"><b>{escape(row.main)}</b><span class="hr-small">{escape(row.small)}</span></div></li>'
    )


def _line(kind: str, text: str, href: str | None) -> str:
    """A text that is too long is cut at its end, also one that is read from the right."""
    return f'<p class="{kind}" dir="auto" title="{escape(text, quote=True)}">{link(text, href)}</p>'


def _move(move: str) -> str:
    """`+2`, `-1`, `0` or a word; arrows are for the eye, words for the ear."""
    if not move.lstrip("+-").isdigit():
        return escape(move)
    places = int(move)
    if places == 0:
        return '<span aria-hidden="true">·</span><span class="hr-hidden">unchanged</span>'
    arrow, word = ("▲", "up") if places > 0 else ("▼", "down")
    return f'<span aria-hidden="true">{arrow} </span><span class="hr-hidden">{word} </span>{abs(places)}'


def link(text: str, href: str | None) -> str:
    if not href:
        return escape(text)
    return f'<a class="hr-link" href="{escape(href, quote=True)}" target="_self">{escape(text)}</a>'
