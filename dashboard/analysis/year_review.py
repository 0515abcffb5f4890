"""A calendar year or month in review, whole: totals, biggest day, new artists, favourites, months, artists' ranks."""

from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

import humanize
from analysis.days import BusiestDay, busiest_day
from analysis.history import History, amounts
from analysis.periods import Period, month_period, within, year_period
from analysis.tops import KINDS, keyed, ranked, tally, top
from analysis.totals import Totals, totals

FAVOURITES = 5
BUMP_ARTISTS = 6


@dataclass(frozen=True)
class Review:
    """`months`: month_on, value; `bump`: month_on, artist_key, artist_name, rank among that month's artists."""

    period: Period
    totals: Totals
    before: Totals
    busiest: BusiestDay | None
    top_tracks: pd.DataFrame
    top_artists: pd.DataFrame
    top_albums: pd.DataFrame
    months: pd.DataFrame
    bump: pd.DataFrame


def years_of(local: pd.DataFrame) -> list[int]:
    """The years with plays, the newest first."""
    return sorted((int(year) for year in local["wall"].dt.year.unique()), reverse=True)


def months_begun(year: int, today: date) -> int:
    """How many months of a year have begun; all of a year to come that a wrong clock put plays into."""
    return today.month if year == today.year else 12


def period_of(year: int, month: int | None, zone: str, now: datetime) -> Period:
    return month_period(year, month, zone, now) if month else year_period(year, zone, now)


def review(
    history: History, local: pd.DataFrame, year: int, month: int | None, by: str, zone: str, now: datetime
) -> Review:
    period = period_of(year, month, zone, now)
    earlier = period.previous or period
    plays = within(local, period)
    tracks, artists, albums = (top(history, plays, kind, by, limit=FAVOURITES) for kind in KINDS)
    return Review(
        period=period,
        totals=totals(history, local, period),
        before=totals(history, local, earlier),
        busiest=busiest_day(plays, by),
        top_tracks=tracks,
        top_artists=artists,
        top_albums=albums,
        months=months_of(plays, period, by),
        bump=bump(history, plays, by),
    )


def months_of(plays: pd.DataFrame, period: Period, by: str) -> pd.DataFrame:
    """A row per month of the period that has begun: month_on, value."""
    every = pd.date_range(pd.Timestamp(period.start).replace(day=1), pd.Timestamp(period.begun_until), freq="MS")
    value = amounts(plays, by).groupby(_month_on(plays)).sum().reindex(every, fill_value=0.0)
    return pd.DataFrame({"month_on": every, "value": value.to_numpy()})


def bump(history: History, plays: pd.DataFrame, by: str) -> pd.DataFrame:
    """The six favourite artists' place among all artists of each month; no row for a month without a play."""
    favourites = ranked(tally(history, plays, "Artists"), by).head(BUMP_ARTISTS).index
    credited = keyed(history, plays, "Artists")
    value = amounts(credited, by).groupby([_month_on(credited).rename("month_on"), credited["entity"]]).sum()
    # The order of keys decides between equals, so that a place belongs to one artist.
    place = value.sort_index().groupby("month_on").rank(method="first", ascending=False).astype("int64")
    rows = place.rename("rank").rename_axis(["month_on", "artist_key"]).reset_index()
    rows = rows[rows["artist_key"].isin(favourites)].reset_index(drop=True)
    names = rows["artist_key"].map(history.artists["artist_name"])
    return rows.assign(artist_name=[humanize.named(name, "artist") for name in names])


def _month_on(plays: pd.DataFrame) -> pd.Series:
    return pd.Series(plays["wall"].to_numpy().astype("datetime64[M]").astype("datetime64[s]"), index=plays.index)
