"""How plays ended: to their end, skipped, or otherwise. Only an export by Spotify says so; queries/plays.sql decides.

All stored plays are looked at, also those that count nowhere: most skips come within 30 seconds.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from analysis.history import History
from analysis.tops import with_names

KNOWN_FROM_PLAYS = 5
"""With fewer known endings of a track, a share of them says little."""


@dataclass(frozen=True)
class Endings:
    """Of so many plays: how many have a known ending, how many of these reached the end or were skipped."""

    plays: int
    known: int
    to_end: int
    skipped: int
    newest_at: datetime | None
    """Of the newest play whose ending is known."""


def endings(stored: pd.DataFrame) -> Endings:
    """Of rows of `History.stored`."""
    known = stored[stored["ending"].notna()]
    return Endings(
        plays=len(stored),
        known=len(known),
        to_end=int((known["ending"] == "end").sum()),
        skipped=int((known["ending"] == "skip").sum()),
        newest_at=known["played_at"].iloc[-1].to_pydatetime() if len(known) else None,
    )


def most(history: History, ending: str, limit: int) -> pd.DataFrame:
    """Tracks by how often they ended so: count, known, share, counts (whether a play of it counts), and the names of
    `tops.with_names`. The greatest share first, then the most plays.

    attrs["looked_at"]: how many tracks have enough known endings, however they ended.
    """
    stored = history.stored
    known = stored[stored["ending"].notna()]
    size = len(history.tracks)
    count = np.bincount(known["recording"][known["ending"] == ending], minlength=size)
    of = np.bincount(known["recording"], minlength=size)
    is_known = of >= KNOWN_FROM_PLAYS
    found = np.flatnonzero(is_known & (count > 0))
    share = count[found] / of[found]
    order = found[np.lexsort((found, -count[found], -share))][:limit]
    rows = pd.DataFrame({"entity": order, "track": order, "count": count[order], "known": of[order]})
    rows = rows.assign(share=rows["count"] / rows["known"], counts=rows["entity"].isin(history.first_recordings.index))
    rows = with_names(history, rows, "Tracks")
    rows.attrs["looked_at"] = int(is_known.sum())
    return rows
