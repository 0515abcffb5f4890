"""Sittings: plays that follow one another with no more than half an hour of silence between them."""

import numpy as np
import pandas as pd

from analysis.history import History
from analysis.tops import last_played

SILENCE_MINUTES = 30
LONGEST = 5


def sittings(local: pd.DataFrame) -> pd.DataFrame:
    """A row per sitting, the oldest first: start, end (on the wall), minutes (heard), plays, first_row, last_row.

    A play is known by its end, so it began as much earlier as it was heard for.
    """
    ends = local["played_at"]
    begins = ends - pd.to_timedelta(local["heard_ms"], unit="ms")
    breaks = (begins - ends.shift()) > pd.Timedelta(minutes=SILENCE_MINUTES)
    number = breaks.cumsum().to_numpy()
    frame = pd.DataFrame(
        {
            "begin": local["wall"] - pd.to_timedelta(local["heard_ms"], unit="ms"),
            "end": local["wall"],
            "heard_ms": local["heard_ms"],
            "row": np.arange(len(local)),
        }
    )
    rows = frame.groupby(number).agg(
        start=("begin", "first"),
        end=("end", "last"),
        minutes=("heard_ms", "sum"),
        plays=("row", "size"),
        first_row=("row", "first"),
        last_row=("row", "last"),
    )
    return rows.assign(minutes=rows["minutes"] / 60_000).reset_index(drop=True)


def longest(local: pd.DataFrame, count: int = LONGEST) -> pd.DataFrame:
    """The sittings in which most was heard, the longest first."""
    return sittings(local).nlargest(count, "minutes", keep="first").reset_index(drop=True)


def tracks_of(history: History, local: pd.DataFrame, sitting: pd.Series) -> pd.DataFrame:
    """The plays of one sitting, the first one first, with names and links."""
    part = local.iloc[int(sitting["first_row"]) : int(sitting["last_row"]) + 1]
    return last_played(history, part, len(part)).iloc[::-1].reset_index(drop=True)
