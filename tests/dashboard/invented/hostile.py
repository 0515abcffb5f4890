"""The invented warehouse with names of tracks, artists, albums and errors that are meant to do harm."""

from datetime import datetime
from functools import cache
from typing import Any

import pandas as pd

from tests.dashboard.invented.warehouse import InventedWarehouse, warehouse

EVIL = "evil.invalid"
NAMES = (
    f"<img src=https://{EVIL}/a.png onerror=\"window.pwned='name'\">",
    f"![x](https://{EVIL}/b.png) [click](https://{EVIL}/c)",
    "</p></li></ol></svg><script>window.pwned='script'</script>",
    f"https://{EVIL}/d www.{EVIL} someone@{EVIL}",
    "$\\alpha$ **bold** ~~struck~~ `code` :red[red] :material/key: :fire: #hash",
    '" onmouseover="window.pwned=1" x="',
    "=1+1",
    "'; DROP TABLE plays; --",
    "\x1b[31mred\x07\x00\u202eright to left\u2066",
    '{"severity": "ERROR"}\n# heading\n\n- item\n\n---',
    "javascript:window.pwned=1",
    "x" * 3_000,  # where it is one of the year's six first artists
    "|".join("abc") + "\n|-|-|\n",
    "\u00a0",
    "&lt;b&gt;&amp;",
)
ADDRESSES = (
    f"https://{EVIL}/cover.png",
    "javascript:window.pwned=1",
    f"https://i.scdn.co@{EVIL}/x",
    f"https://i.scdn.co.{EVIL}/x",
    "https://[i.scdn.co/x",
    '"><script>window.pwned=1</script>',
    "data:text/html,<script>window.pwned=1</script>",
    "//i.scdn.co/x",
)
IDS = ('"><script>window.pwned=1</script>', "../../x", "a&b=c#d", "%00", "a b,c", "\u202eid")


@cache
def hostile_warehouse(until: datetime) -> InventedWarehouse:
    good = warehouse(until)
    plays, top, runs = (good.tables[name].copy() for name in ("plays", "top_tracks", "runs"))
    for name in ("track_name", "artist_name", "artist_names", "album_name"):
        plays[name] = _spread(plays[name], NAMES)
        if name in top:
            top[name] = _spread(top[name], NAMES)
    plays["image_url"] = _spread(plays["track_id"], ADDRESSES)
    for column in ("track_id", "artist_id", "album_id"):
        replaced = dict(zip(plays[column].iloc[-400:].unique()[: len(IDS)], IDS, strict=False))
        plays[column] = plays[column].replace(replaced)
        if column in top:
            top[column] = top[column].replace(replaced)
    runs["reason"] = _spread(runs["run_id"], NAMES)
    runs["details"] = runs["details"].map(_with_hostile_reasons)
    return good.with_plays(plays).with_table("top_tracks", top).with_table("runs", runs)


def _spread(column: "pd.Series[Any]", texts: tuple[str, ...]) -> "pd.Series[Any]":
    """The same of the texts for the same value; never one for two tracks, so that all rank by themselves."""
    codes, _ = pd.factorize(column)
    return pd.Series([f"{texts[code % len(texts)]}{code // len(texts) or ''}" for code in codes], index=column.index)


def _with_hostile_reasons(details: Any) -> Any:
    if not isinstance(details, dict):
        return details
    parts = {slug: about | {"reason": NAMES[0]} for slug, about in details["listeners"].items()}
    return {"listeners": parts}
