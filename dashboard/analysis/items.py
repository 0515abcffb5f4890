"""One track, artist or album of a listener over all time: rank, neighbours, months, hours, latest plays."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

import humanize
from analysis.endings import Endings, endings
from analysis.history import History
from analysis.hours import by_hour
from analysis.tops import NOUNS, last_played, ranked, tally, top
from analysis.totals import per_month

NEIGHBOURS = 2
BEST_MONTHS = 2


@dataclass(frozen=True)
class Item:
    """`played` are its plays, as in `History.local`; `neighbours` the rows of `tops.top` around it; `months`: month_on,
    value; `hours`: hour, share."""

    kind: str
    key: str
    name: str
    artist_name: str | None
    artist_key: str | None
    album_name: str | None
    album_key: str | None
    image_url: str | None
    spotify_url: str | None
    rank: int
    is_tied: bool
    of: int
    plays: int
    minutes: float
    first_played_at: datetime
    last_played_at: datetime
    played: pd.DataFrame
    neighbours: pd.DataFrame
    best_months: pd.DataFrame
    months: pd.DataFrame
    hours: pd.DataFrame
    tracks: pd.DataFrame
    recent: pd.DataFrame
    endings: Endings


def item(history: History, local: pd.DataFrame, kind: str, key: str, by: str) -> Item | None:
    """What there is to say of a track, artist or album; None when this listener never played it."""
    entity = _entity(history, kind, key)
    tallies = ranked(tally(history, local, kind), by)
    if entity is None or entity not in tallies.index:
        return None
    place = tallies.index.get_loc(entity)
    around = top(history, local, kind, by, limit=place + NEIGHBOURS + 1)
    me = around.iloc[place]
    plays = local[_is_of(history, local, kind, entity)]
    months = per_month(plays, by, plays["day"].min(), plays["day"].max())
    about = history.tracks.iloc[tallies["track"].iloc[place]]
    return Item(
        kind=kind,
        key=me["key"],
        name=humanize.named(me["name"], NOUNS[kind]),
        artist_name=_or_none(me["artist_name"]),
        artist_key=_or_none(me["artist_key"]),
        album_name=_or_none(about["album_name"]) if kind == "Tracks" else None,
        album_key=_or_none(about["album_key"]) if kind == "Tracks" else None,
        image_url=_or_none(me["image_url"]),
        spotify_url=_or_none(me["spotify_url"]),
        rank=int(me["rank"]),
        is_tied=bool(me["is_tied"]),
        of=len(tallies),
        plays=int(me["plays"]),
        minutes=float(me["minutes"]),
        first_played_at=me["first_played_at"].to_pydatetime(),
        last_played_at=me["last_played_at"].to_pydatetime(),
        played=plays,
        neighbours=around.iloc[max(place - NEIGHBOURS, 0) :].reset_index(drop=True),
        best_months=months[months["value"] > 0].nlargest(BEST_MONTHS, "value").reset_index(drop=True),
        months=months,
        hours=by_hour(plays, by),
        tracks=top(history, plays, "Tracks", by, limit=None),
        recent=last_played(history, plays),
        endings=endings(history.stored[_is_of(history, history.stored, kind, entity)]),
    )


def _entity(history: History, kind: str, key: str) -> object:
    """What `tally` counts this key under: for a track any id of the recording leads to it."""
    if kind != "Tracks":
        return key
    found = history.tracks.index[history.tracks["track_id"] == key]
    return int(history.tracks["recording"].iloc[found[0]]) if len(found) else None


def _is_of(history: History, local: pd.DataFrame, kind: str, entity: object) -> pd.Series:
    if kind == "Tracks":
        return local["recording"] == entity
    if kind == "Albums":
        return local["track"].isin(history.tracks.index[history.tracks["album_key"] == entity])
    return local["track"].isin(history.credits["track"][history.credits["artist_key"] == entity])


def _or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
