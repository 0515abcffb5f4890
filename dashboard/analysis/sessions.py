"""Listening sessions: plays with at most 30 minutes without music between them."""

import numpy as np
import pandas as pd

from analysis.history import History
from analysis.tops import last_played

BREAK_MINUTES = 30
LONGEST = 5


def all_sessions(local: pd.DataFrame) -> pd.DataFrame:
    """A row per session, the oldest first: start, end (local time), minutes, plays, first_row, last_row.

    A play is stored with its end, so it began its `heard_ms` before.
    """
    ends = local["played_at"]
    begins = ends - pd.to_timedelta(local["heard_ms"], unit="ms")
    breaks = (begins - ends.shift()) > pd.Timedelta(minutes=BREAK_MINUTES)
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
    """The sessions with the most minutes, the longest first."""
    return all_sessions(local).nlargest(count, "minutes", keep="first").reset_index(drop=True)


def tracks_of(history: History, local: pd.DataFrame, session: pd.Series) -> pd.DataFrame:
    """The plays of one session, the oldest first, with names and links."""
    part = local.iloc[int(session["first_row"]) : int(session["last_row"]) + 1]
    return last_played(history, part, len(part)).iloc[::-1].reset_index(drop=True)
