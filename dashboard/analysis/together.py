"""Two or more listeners compared: shared tracks and artists, overlap by week or month, who played an artist first.

Each listener has a history of their own, so tracks and artists get common keys here: a track its ISRC, as in the Spark
job, else its id; an artist its id, also where an export brought only a name that belongs to exactly one id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.discoveries import NEW_FOR_DAYS
from analysis.history import History, amounts, ids_by_name
from analysis.periods import Period
from analysis.tops import ranked, tally, with_names
from analysis.totals import begun_steps

KINDS = ("Tracks", "Artists")


class Part(NamedTuple):
    """One listener: the history and the plays of the period, a part of `History.local`."""

    history: History
    plays: pd.DataFrame


@dataclass(frozen=True)
class Company:
    """The listeners that are compared, at least two, and the keys that they have in common."""

    parts: Sequence[Part]

    @cached_property
    def track_keys(self) -> list[np.ndarray]:
        """For each listener: the key of every row of `tracks`."""
        known = pd.concat([part.history.tracks[["track_id", "isrc"]] for part in self.parts])
        # Of two listeners that know an id by two ISRCs the first one's stands.
        isrc = {
            track_id: isrc for track_id, isrc in reversed(known.to_numpy().tolist()) if isinstance(isrc, str) and isrc
        }
        ids = [part.history.tracks["track_id"] for part in self.parts]
        return [np.array([isrc.get(track_id, track_id) for track_id in each], dtype="object") for each in ids]

    @cached_property
    def ids_of_artists(self) -> dict[str, str]:
        known = pd.concat([part.history.tracks[["artist_name", "artist_id"]] for part in self.parts])
        return {f"name:{name}": artist_id for name, artist_id in ids_by_name(known).items()}

    def keys_of(self, place: int, kind: str, entities: pd.Index) -> pd.Index:
        """The keys of what `tops.tally` counts by: rows of `tracks`, or a listener's own artist keys."""
        if kind == "Tracks":
            return pd.Index(self.track_keys[place][entities.to_numpy(dtype="int64")])
        return pd.Index([self.ids_of_artists.get(entity, entity) for entity in entities])

    @cached_property
    def begun_at(self) -> pd.Timestamp:
        """From here on all histories know whether a play is a first one: the first weeks of any are all new."""
        begins = [part.history.oldest_at for part in self.parts if part.history.oldest_at]
        return pd.Timestamp(max(begins)) + pd.Timedelta(days=NEW_FOR_DAYS)

    @cached_property
    def firsts(self) -> dict[str, pd.DataFrame]:
        """By kind: a column per listener, a row per key: the first play ever, NaT where there is none."""
        found: dict[str, dict[int, pd.Series]] = {kind: {} for kind in KINDS}
        for place, (history, _) in enumerate(self.parts):
            for kind, first in zip(KINDS, (history.first_recordings, history.first_artists), strict=True):
                found[kind][place] = first.groupby(self.keys_of(place, kind, first.index)).min()
        return {kind: pd.DataFrame(columns) for kind, columns in found.items()}


def shared(company: Company, kind: str, by: str) -> pd.DataFrame:
    """A row per track or artist that every listener played in the period, ordered by the least that any has of it.

    Index: the common key. rank, is_tied, least, whole (of all listeners); for each listener, by place: entity_0,
    track_0, plays_0, minutes_0, first_0 (the first play ever). `first` is the place of the listener who was first,
    NA where that was before all histories had begun.
    """
    measure = "minutes" if by == "Minutes" else "plays"
    rows = pd.concat([_numbered(company, place, kind) for place in range(len(company.parts))], axis=1, join="inner")
    each = rows[[f"{measure}_{place}" for place in range(len(company.parts))]]
    rows = rows.assign(least=each.min(axis=1), whole=each.sum(axis=1)).sort_index(kind="stable")
    rows = rows.sort_values(["least", "whole"], ascending=False, kind="stable")
    rank = rows["least"].rank(method="min", ascending=False).astype("int64")
    firsts = company.firsts[kind].reindex(rows.index)
    is_known = firsts.min(axis=1) >= company.begun_at
    first = pd.Series(np.argmin(firsts.astype("int64").to_numpy(), axis=1), rows.index, dtype="Int64")
    return rows.assign(
        rank=rank,
        is_tied=rank.duplicated(keep=False),
        first=first.where(is_known),
        **{f"first_{place}": firsts[place] for place in firsts.columns},
    )


def named(company: Company, rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The rows of `shared` with the names and links that the first listener has: key, name, artist_name, image_url …"""
    own = rows.rename(columns={"entity_0": "entity", "track_0": "track"}).set_index("entity", drop=False)
    return with_names(company.parts[0].history, own, kind)


def share_of(company: Company, place: int, artists: pd.DataFrame, by: str) -> float:
    """How much of a listener's period went to tracks with one of these artists, the rows of `shared`."""
    history, plays = company.parts[place]
    is_shared = company.keys_of(place, "Artists", pd.Index(history.credits["artist_key"])).isin(artists.index)
    value = amounts(plays, by)
    return float(value[plays["track"].isin(history.credits["track"][is_shared]).to_numpy()].sum() / value.sum())


def only(company: Company, place: int, by: str, limit: int) -> pd.DataFrame:
    """Artists of one listener's period that no other has ever played, the favourite first; rows as of `tops.top`."""
    part = company.parts[place]
    tallies = tally(part.history, part.plays, "Artists")
    firsts = company.firsts["Artists"].drop(columns=place)
    known = firsts.index[firsts.notna().any(axis=1)]
    mine = ranked(tallies[~company.keys_of(place, "Artists", tallies.index).isin(known)], by)
    rows = with_names(part.history, mine.head(limit), "Artists").assign(move=pd.NA)
    rows.attrs["total"] = len(mine)
    return rows


def overlap(company: Company, period: Period, by: str) -> pd.DataFrame:
    """The rows of `totals.begun_steps` with share. attrs["whole"] is the share of the whole period.

    The sum over artists (the first credited one of each play) of the smallest share that any listener gave them: 1 is
    the same artists in the same shares, 0 none in common. NaN where one listener played nothing.
    """
    steps, rows = begun_steps(period)
    artists = [part.history.tracks["artist_key"].tolist() for part in company.parts]
    every = [company.ids_of_artists.get(key, key) for keys in artists for key in keys]
    codes, keys = pd.factorize(np.array(every, dtype="object"))
    ends = np.cumsum([len(keys) for keys in artists])
    parts = zip(company.parts, np.split(codes, ends[:-1]), strict=True)
    amount = np.stack([_by_artist_and_step(part.plays, code, steps, len(keys), by) for part, code in parts])
    rows["share"] = _common(amount)
    rows.attrs["whole"] = float(_common(amount.sum(axis=1, keepdims=True))[0])
    return rows


def _numbered(company: Company, place: int, kind: str) -> pd.DataFrame:
    """The tally of one listener by common key, with the listener's place in the names of the columns."""
    part = company.parts[place]
    tallies = tally(part.history, part.plays, kind)
    by_key = tallies.assign(entity=tallies.index).groupby(company.keys_of(place, kind, tallies.index), sort=False)
    # Ids that only another listener's history shows to be one recording are two rows of the tally.
    rows = by_key.agg({"plays": "sum", "heard_ms": "sum", "entity": "last", "track": "last"})
    return rows.assign(minutes=rows["heard_ms"] / 60_000).drop(columns="heard_ms").add_suffix(f"_{place}")


def _by_artist_and_step(
    plays: pd.DataFrame, artist_of_track: np.ndarray, steps: pd.PeriodIndex, artists: int, by: str
) -> np.ndarray:
    """Steps × artists; the last column is of plays whose artist is not known."""
    step = steps.get_indexer(plays["day"].dt.to_period(steps.freq))
    artist = artist_of_track[plays["track"].to_numpy()]
    place = step * (artists + 1) + np.where(artist < 0, artists, artist)
    counted = np.bincount(place[step >= 0], amounts(plays, by).to_numpy()[step >= 0], len(steps) * (artists + 1))
    return counted.reshape(len(steps), artists + 1)


def _common(amount: np.ndarray) -> np.ndarray:
    """Of listeners × steps × artists: what every listener's shares have in common, per step."""
    whole = amount.sum(axis=2, keepdims=True)
    shares = np.divide(amount, whole, out=np.full(amount.shape, np.nan), where=whole > 0)
    return np.asarray(shares.min(axis=0)[:, :-1].sum(axis=1))
