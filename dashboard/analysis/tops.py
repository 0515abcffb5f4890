"""Favourites: tracks, artists and albums of a period in order, with shared ranks and the move since the one before.

Tracks with one ISRC are one recording, shown as the id played last; an album is the release that was really played, or,
as an export names none, the only one of its name; every credited artist gets the play. Order and ranks are those of
the Spark job, so the two lists agree.
"""

from typing import cast
from urllib.parse import quote

import numpy as np
import pandas as pd

from analysis.history import History
from analysis.periods import DAYS

NOUNS = {"Tracks": "track", "Artists": "artist", "Albums": "album"}
"""What one of a kind is called: in sentences, in the addresses of pages, and by Spotify in its own."""
KINDS = tuple(NOUNS)
TEN = 10
SPARK_PERIODS = {  # of the filter bar's periods those that `top_tracks` has
    "7 days": "last_7_days",
    "28 days": "last_28_days",
    "12 months": "last_365_days",
    "All time": "all_time",
}
_DAYS_OF = {of_spark: DAYS.get(period) for period, of_spark in SPARK_PERIODS.items()}


def top(
    history: History,
    plays: pd.DataFrame,
    kind: str,
    by: str,
    previous: pd.DataFrame | None = None,
    limit: int | None = TEN,
) -> pd.DataFrame:
    """A row per track, artist or album played, the favourite first.

    rank, is_tied, previous_rank, move (places won; NA without a previous rank), key, name, artist_name,
    artist_key, image_url, spotify_url, plays, minutes, share (of all minutes or plays), first_played_at,
    last_played_at.
    attrs["tied_beyond"] is how many more share the last row's rank, attrs["total"] how many there are.
    """
    tallies = ranked(tally(history, plays, kind), by)
    before = None if previous is None else ranked(tally(history, previous, kind), by)["rank"]
    shown = tallies if limit is None else tallies.head(limit)
    whole = plays["heard_ms"].sum() / 60_000 if by == "Minutes" else len(plays)
    rows = shown.assign(
        previous_rank=np.nan if before is None else before.reindex(shown.index),
        share=shown["minutes" if by == "Minutes" else "plays"] / whole if whole else 0.0,
    )
    rows = _with_moves(with_names(history, rows, kind))
    rows.attrs["tied_beyond"] = int(tallies["rank"].iloc[len(shown) :].isin(shown["rank"].tail(1)).sum())
    rows.attrs["total"] = len(tallies)
    return rows


def tally(history: History, plays: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Per recording, artist or album: plays, heard_ms, first_played_at, last_played_at and `track` (the last one).

    With numpy: grouping by name takes five times as long, and a page needs several of these.
    """
    plays = keyed(history, plays, kind)
    code, entities = pd.factorize(plays["entity"])
    row = np.arange(len(plays))
    first, last = np.zeros((2, len(entities)), dtype="int64")
    first[code[::-1]] = row[::-1]
    last[code] = row
    played_at = pd.DatetimeIndex(plays["played_at"])
    return pd.DataFrame(
        {
            "plays": np.bincount(code, minlength=len(entities)),
            "heard_ms": np.bincount(code, weights=plays["heard_ms"], minlength=len(entities)).astype("int64"),
            "first_played_at": played_at[first],
            "last_played_at": played_at[last],
            "track": plays["track"].to_numpy()[last],
        },
        index=pd.Index(entities),
    )


def ranked(tallies: pd.DataFrame, by: str) -> pd.DataFrame:
    """In total order, with `rank`, which equals share."""
    measure, other = ("heard_ms", "plays") if by == "Minutes" else ("plays", "heard_ms")
    by_entity = tallies.sort_index()
    last_at = by_entity["last_played_at"].astype("int64")
    # lexsort takes the last key first; equals stay in the order of their entities.
    order = np.lexsort((by_entity["track"], -last_at, -by_entity[other], -by_entity[measure]))
    ordered = by_entity.iloc[order]
    rank = ordered[measure].rank(method="min", ascending=False).astype("int64")
    return ordered.assign(
        entity=ordered.index,
        rank=rank,
        is_tied=rank.duplicated(keep=False),
        minutes=ordered["heard_ms"] / 60_000,
    )


def from_spark(history: History, top_tracks: pd.DataFrame, period: str) -> pd.DataFrame:
    """Spark's rows of one period in the columns of `top`; the keys lead to this app's pages.

    Spark keeps ten rows, so attrs["tied_beyond"] is counted here, over the stretch that Spark looked at.
    """
    rows = top_tracks[top_tracks["period"] == period].sort_values("position", ignore_index=True)
    of_id = history.tracks.set_index("track_id")
    known = of_id.reindex(rows["track_id"]).reset_index()
    rows = rows.assign(
        key=rows["track_id"],
        name=rows["track_name"],
        artist_name=rows["artist_names"].fillna(rows["artist_name"]),
        artist_key=known["artist_key"],
        spotify_url=[spotify_url("track", track_id) for track_id in rows["track_id"]],
        share=np.nan,
    )
    beyond = _tied_beyond(history, rows, _DAYS_OF[period])
    is_last = rows["rank"].isin(rows["rank"].tail(1)) & bool(beyond)
    rows = _with_moves(rows.assign(is_tied=rows["rank"].duplicated(keep=False) | is_last))
    rows.attrs["tied_beyond"] = beyond
    return rows


def _tied_beyond(history: History, ten: pd.DataFrame, days: int | None) -> int:
    """How many more recordings have as many plays as the last of ten rows."""
    if len(ten) < TEN:
        return 0
    plays, as_of = history.local("UTC"), pd.Timestamp(ten["as_of"].iloc[0])
    at = plays["played_at"]
    counted = plays[(at <= as_of) & (at > as_of - pd.Timedelta(days=days))] if days else plays[at <= as_of]
    fewest = ten["plays"].iloc[-1]
    same = int((counted["recording"].value_counts() == fewest).sum())
    return max(0, same - int((ten["plays"] == fewest).sum()))


def last_played(history: History, local: pd.DataFrame, count: int = 12) -> pd.DataFrame:
    """The newest plays that count, the newest first, with names and links."""
    newest = local.tail(count).iloc[::-1]
    return pd.concat([newest.reset_index(drop=True), _track_names(history, newest["track"])], axis=1)


def spotify_url(kind: str, item_id: object) -> str | None:
    """The item's own page at Spotify; None where its id is not known."""
    return (
        f"https://open.spotify.com/{kind}/{quote(item_id, safe='')}" if isinstance(item_id, str) and item_id else None
    )


def keyed(history: History, plays: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The plays with `entity`, what is counted; a play of two artists stands here twice."""
    columns = plays[["played_at", "wall", "track", "heard_ms", "recording"]]
    if kind == "Tracks":
        return columns.rename(columns={"recording": "entity"})
    if kind == "Albums":
        return columns.assign(entity=history.per_play("album_key", columns)).dropna(subset="entity")
    credits = history.credits.rename(columns={"artist_key": "entity"})
    return columns.merge(credits, on="track", how="inner").sort_values("played_at", kind="stable")


def with_names(history: History, rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Rows of `ranked`, or of their like with `entity` and `track`, with names, pictures and links."""
    if kind == "Tracks":
        names = _track_names(history, rows["track"])
        return pd.concat([rows.drop(columns=["track", "entity"]).reset_index(drop=True), names], axis=1)
    table = history.artists if kind == "Artists" else history.albums
    about = table.reindex(rows.index).reset_index(drop=True)
    rows = rows.reset_index(drop=True)
    id_column = "artist_id" if kind == "Artists" else "album_id"
    return rows.drop(columns=["track", "entity"]).assign(
        key=rows["entity"],
        name=about["artist_name" if kind == "Artists" else "album_name"],
        artist_name=None if kind == "Artists" else about["artist_name"],
        artist_key=rows["entity"] if kind == "Artists" else about["artist_key"],
        # A cover is an album's: for an artist the tile with initials stands.
        image_url=None if kind == "Artists" else about["image_url"],
        spotify_url=[spotify_url(NOUNS[kind], item_id) for item_id in about[id_column]],
    )


def _track_names(history: History, track: pd.Series) -> pd.DataFrame:
    """key, name, artist_name, artist_key, album_name, image_url, spotify_url of these rows of `tracks`."""
    about = history.tracks.iloc[track.to_numpy()].reset_index(drop=True)
    return pd.DataFrame(
        {
            "key": about["track_id"],
            "name": about["track_name"],
            "artist_name": about["artist_names"].fillna(about["artist_name"]),
            "artist_key": about["artist_key"],
            "album_name": about["album_name"],
            "image_url": about["image_url"],
            "spotify_url": [spotify_url("track", track_id) for track_id in about["track_id"]],
        }
    )


def _with_moves(rows: pd.DataFrame) -> pd.DataFrame:
    before = rows["previous_rank"].astype("Int64")
    return cast(pd.DataFrame, rows.assign(previous_rank=before, move=before - rows["rank"].astype("Int64")))
