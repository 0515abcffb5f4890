"""The list of plays: search, pages by cursor, and files as CSV, Parquet or JSON."""

import codecs
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from analysis.history import History
from analysis.tops import last_played

PAGE_SIZE = 100
_LONGEST_SEARCH = 200
_LONGEST_CURSOR = 120
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
"""Instants that pandas can hold as well."""
_FORMULA = r"""(\A|[;\t\r\n]"*)('*[=+\-@＝＋－＠])"""
"""Also within a text: a spreadsheet that takes semicolons for separators does not see the quotes around it."""


class Cursor(NamedTuple):
    """The play a page begins behind: when it ended and which track it was."""

    played_at: datetime
    track_id: str

    def __str__(self) -> str:
        """As it stands in the URL."""
        return f"{self.played_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}~{self.track_id}"


@dataclass(frozen=True)
class HistoryPage:
    """Plays, the newest first, as of `tops.last_played`; `found` is how many there are on all pages.

    `older` and `newer` are the cursors of the pages beside it, None where that is the first page or nothing.
    """

    plays: pd.DataFrame
    found: int
    older: Cursor | None
    newer: Cursor | None
    is_first: bool


def to_cursor(text: str | None) -> Cursor | None:
    """The cursor in the URL, which is untrusted; None when it is none."""
    when, _, track_id = (text or "")[:_LONGEST_CURSOR].partition("~")
    try:
        instant = datetime.fromisoformat(when)
    except ValueError:
        return None
    is_plain = instant.tzinfo is None and _FIRST_YEAR <= instant.year <= _LAST_YEAR
    return Cursor(instant.replace(tzinfo=UTC), track_id) if is_plain else None


def history_page(
    history: History,
    local: pd.DataFrame,
    search: str = "",
    before: Cursor | None = None,
    size: int = PAGE_SIZE,
) -> HistoryPage:
    """A page of the plays in whose titles, artists or albums every word of `search` stands.

    It begins behind the play `before`, not at a number, so plays that arrive meanwhile move nothing.
    """
    found = local[local["track"].isin(_matching(history, search))] if search else local
    is_older = pd.Series(True, index=found.index) if before is None else _is_before(history, found, before)
    older, newer = found[is_older], found[~is_older]
    return HistoryPage(
        plays=last_played(history, older, size),
        found=len(found),
        older=_cursor_of(history, older.iloc[-size]) if len(older) > size else None,
        newer=_cursor_of(history, newer.iloc[size]) if len(newer) > size else None,
        is_first=newer.empty,
    )


def to_csv(table: pa.Table) -> bytes:
    """For spreadsheets: what one would take for a formula has an apostrophe before it.

    Excel on Windows takes a file without a mark of UTF-8 for one in its own code page. `import` reads it with the mark.
    """
    target = io.BytesIO()
    target.write(codecs.BOM_UTF8)
    pyarrow.csv.write_csv(_without_formulas(table), target)
    return target.getvalue()


def to_parquet(table: pa.Table) -> bytes:
    target = io.BytesIO()
    pyarrow.parquet.write_table(table, target, compression="zstd")
    return target.getvalue()


def to_json(frame: pd.DataFrame) -> bytes:
    text: str = frame.to_json(orient="records", date_format="iso", force_ascii=False)
    return text.encode()


def _without_formulas(table: pa.Table) -> pa.Table:
    """What is like a formula in any program (owasp.org/www-community/attacks/CSV_Injection), as plain text.

    One apostrophe more than there was, so that taking one away always gives the text back.
    """
    columns = [
        pyarrow.compute.replace_substring_regex(column.cast(pa.large_string()), pattern=_FORMULA, replacement=r"\1'\2")
        if _is_text(column.type)
        else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def matches(search: str, name: pd.Series, *others: pd.Series) -> pd.Series:
    """Whether every word of the search stands in one of a row's names."""
    every = name.astype("object").fillna("").str.cat(others, sep="\n", na_rep="").str.casefold()
    is_match = pd.Series(True, index=every.index)
    for word in search[:_LONGEST_SEARCH].casefold().split():
        is_match &= every.str.contains(word, regex=False)
    return is_match


def _matching(history: History, search: str) -> pd.Index:
    """Rows of `tracks` that match."""
    tracks = history.tracks
    artists = tracks["artist_names"].fillna(tracks["artist_name"])
    return tracks.index[matches(search, tracks["track_name"], artists, tracks["album_name"])]


def _cursor_of(history: History, play: pd.Series) -> Cursor:
    return Cursor(play["played_at"].to_pydatetime(), str(history.tracks["track_id"].iloc[play["track"]]))


def _is_before(history: History, local: pd.DataFrame, key: Cursor) -> pd.Series:
    """Plays older than the key: of plays at one instant those with a smaller track id."""
    instant, track_id = pd.Timestamp(key.played_at), key.track_id
    older = local["played_at"] < instant
    same = local["played_at"] == instant
    if same.any():
        older |= same & (history.per_play("track_id", local) < track_id)
    return older
