"""A calendar year or month in review, whole: totals, biggest day, new artists, favourites, months, artists' ranks."""

from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

import humanize
from analysis.days import BusiestDay, busiest_day
from analysis.history import History, exact_amounts, month_on
from analysis.periods import Period, month_period, within, year_period
from analysis.tops import KINDS, keyed, ranked, tally, top
from analysis.totals import Totals, per_month, totals

FAVOURITES = 5
BUMP_ARTISTS = 6


@dataclass(frozen=True)
class Review:
    """`tops`: by kind, rows of `tops.top`; `months`: month_on, value, of those that have begun; `bump`: month_on,
    artist_key, artist_name, rank among that month's artists."""

    totals: Totals
    before: Totals
    busiest: BusiestDay | None
    tops: dict[str, pd.DataFrame]
    months: pd.DataFrame
    bump: pd.DataFrame


def years_of(local: pd.DataFrame, today: date) -> list[int]:
    """The years with plays, the newest first; behind them those to come, of a clock that was ahead."""
    return sorted(map(int, local["wall"].dt.year.unique()), key=lambda year: (year > today.year, -year))


def months_of(local: pd.DataFrame, year: int, today: date) -> range:
    """The months of a year from the first play on that have begun; also those of a year to come, of a wrong clock."""
    first = local["wall"].iloc[0]
    return range(first.month if year == first.year else 1, (today.month if year == today.year else 12) + 1)


def period_of(year: int, month: int | None, zone: str, now: datetime) -> Period:
    return month_period(year, month, zone, now) if month else year_period(year, zone, now)


def review(history: History, local: pd.DataFrame, period: Period, by: str) -> Review:
    """Of a period of `period_of`."""
    plays = within(local, period)
    return Review(
        totals=totals(history, local, period),
        before=totals(history, local, period.previous or period),
        busiest=busiest_day(plays, by),
        tops={kind: top(history, plays, kind, by, limit=FAVOURITES) for kind in KINDS},
        months=per_month(plays, by, period.start, period.begun_until),
        bump=bump(history, plays, by),
    )


def bump(history: History, plays: pd.DataFrame, by: str) -> pd.DataFrame:
    """The six favourite artists' place among all artists of each month; no row for a month without a play."""
    favourites = ranked(tally(history, plays, "Artists"), by).head(BUMP_ARTISTS).index
    credited = keyed(history, plays, "Artists")
    value = exact_amounts(credited, by).groupby([month_on(credited).rename("month_on"), credited["entity"]]).sum()
    # The order of keys decides between equals, so that a place belongs to one artist.
    place = value.sort_index().groupby("month_on").rank(method="first", ascending=False).astype("int64")
    rows = place.rename("rank").rename_axis(["month_on", "artist_key"]).reset_index()
    rows = rows[rows["artist_key"].isin(favourites)].reset_index(drop=True)
    names = rows["artist_key"].map(history.artists["artist_name"])
    return rows.assign(artist_name=[humanize.named(name, "artist") for name in names])
