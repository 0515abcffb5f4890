"""New artists, tracks that stayed, forgotten favourites, loyalty to artists, release decades."""

from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.history import UNKNOWN, History, amounts, exact_amounts
from analysis.periods import Period, within
from analysis.tops import top
from analysis.totals import begun_steps

NEW_FOR_DAYS = 30
STUCK_FROM_PLAYS = 5
FORGOTTEN_FROM_PLAYS = 20
FORGOTTEN_AFTER_DAYS = 180


class Loyalty(NamedTuple):
    """How few artists most of the listening went to."""

    favourite_share: float
    ten_share: float
    artists_for_half: int | None
    """None where all known artists together have less than half."""
    artists: int


def new_and_known(history: History, local: pd.DataFrame, period: Period, by: str) -> pd.DataFrame:
    """Each of the rows of `totals.begun_steps` twice, with kind (New or Known), value, share.

    New: the first-credited artist had their first play less than 30 days before. Plays of unknown artists are left out.
    """
    plays = within(local, period)
    first = history.first_artists.reindex(history.per_play("artist_key", plays)).set_axis(plays.index).dropna()
    plays = plays.loc[first.index]
    kind = np.where(plays["played_at"] - first < pd.Timedelta(days=NEW_FOR_DAYS), "New", "Known")
    steps, rows = begun_steps(period)
    every = pd.MultiIndex.from_product([steps, ["New", "Known"]])
    value = amounts(plays, by).groupby([plays["day"].dt.to_period(steps.freq), kind]).sum().reindex(every, fill_value=0)
    rows = rows.loc[rows.index.repeat(2)].reset_index(drop=True)
    rows = rows.assign(kind=every.get_level_values(1), value=value.to_numpy(dtype=float))
    whole = rows.groupby("step_on")["value"].transform("sum")
    return rows.assign(share=(rows["value"] / whole).fillna(0.0))


def stuck(history: History, local: pd.DataFrame, period: Period, by: str, limit: int | None = None) -> pd.DataFrame:
    """Tracks first played in the period and played at least five times since; rows as of `tops.top`."""
    first = local.drop_duplicates("recording")
    found = within(first, period)["recording"]
    plays = local["recording"].value_counts()
    kept = found[found.map(plays) >= STUCK_FROM_PLAYS]
    return top(history, local[local["recording"].isin(kept)], "Tracks", by, limit=limit)


def forgotten(history: History, local: pd.DataFrame, until: date, by: str, limit: int | None = 20) -> pd.DataFrame:
    """Tracks played at least twenty times, but not once in the 180 days up to `until`; rows as of `tops.top`.

    attrs["favourites"] is how many were played as often, whenever.
    """
    seen = local.groupby("recording").agg(plays=("day", "size"), last_on=("day", "max"))
    often = seen[seen["plays"] >= FORGOTTEN_FROM_PLAYS]
    silent_since = pd.Timestamp(until) - pd.Timedelta(days=FORGOTTEN_AFTER_DAYS)
    kept = often.index[often["last_on"] <= silent_since]
    rows = top(history, local[local["recording"].isin(kept)], "Tracks", by, limit=limit)
    rows.attrs["favourites"] = len(often)
    return rows


def loyalty(history: History, plays: pd.DataFrame, by: str) -> Loyalty | None:
    """By first credited artist; None where no artist is known."""
    value = exact_amounts(plays, by)
    per_artist = value.groupby(history.per_play("artist_key", plays)).sum().sort_values(ascending=False)
    if not per_artist.sum():
        return None
    shares, is_half = per_artist / value.sum(), 2 * per_artist.cumsum().to_numpy() >= value.sum()
    return Loyalty(
        favourite_share=float(shares.iloc[0]),
        ten_share=float(shares.head(10).sum()),
        artists_for_half=int(is_half.argmax()) + 1 if is_half.any() else None,
        artists=len(shares),
    )


def decades(history: History, plays: pd.DataFrame, by: str) -> pd.DataFrame:
    """Release decades, the oldest first: decade ("1990s" or "Unknown"), share. Decades between are there with 0."""
    of_year = _shares_of_years(history, plays, by)
    known = of_year.groupby(of_year.index // 10 * 10).sum()
    if len(known):
        known = known.reindex(np.arange(known.index.min(), known.index.max() + 10, 10), fill_value=0.0)
    rows = pd.DataFrame({"decade": [f"{int(start)}s" for start in known.index], "share": known.to_numpy()})
    unknown = float(of_year[of_year.index.isna()].sum())
    if unknown:
        rows.loc[len(rows)] = [UNKNOWN, unknown]
    return rows


def years_in_decade(history: History, plays: pd.DataFrame, by: str, decade: int, this_year: int) -> pd.DataFrame:
    """The release years of one decade: year, share of all minutes or plays; with future years that an album claims."""
    of_year = _shares_of_years(history, plays, by)
    claimed = of_year.index[of_year.index < decade + 10].max()
    last = min(decade + 9, int(np.nanmax([this_year, claimed])))
    rows = of_year.reindex(range(decade, last + 1), fill_value=0.0)
    return pd.DataFrame({"year": rows.index, "share": rows.to_numpy()})


def _shares_of_years(history: History, plays: pd.DataFrame, by: str) -> pd.Series:
    """Of all minutes or plays the share of each release year; of unknown years under NaN."""
    year = history.tracks["release_year"].to_numpy(dtype="float64", na_value=np.nan)[plays["track"].to_numpy()]
    value = amounts(plays, by).groupby(year, dropna=False).sum()
    return value / (value.sum() or 1.0)
