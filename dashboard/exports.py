"""Taking plays away: pages of the history to look through, and everything as CSV, Parquet or JSON."""

import io
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from history import History
from tops import last_played

PAGE_SIZE = 100
_LONGEST_SEARCH = 200


def history_page(
    history: History,
    local: pd.DataFrame,
    search: str = "",
    before: tuple[datetime, str] | None = None,
    size: int = PAGE_SIZE,
) -> tuple[pd.DataFrame, tuple[datetime, str] | None, int]:
    """A page of plays, the newest first, the key of its last play when there are more, and how many were found.

    The page after starts behind a key, not at a number, so plays that arrive meanwhile move nothing. `search` is
    looked for in titles, artists and albums. Columns as of `tops.last_played`.
    """
    found = local[local["track"].isin(_matching(history, search))] if search.strip() else local
    count = len(found)
    if before is not None:
        found = found[_is_before(history, found, before)]
    page = last_played(history, found, size)
    more = len(found) > len(page)
    last = (page["played_at"].iloc[-1].to_pydatetime(), page["key"].iloc[-1]) if more else None
    return page, last, count


def to_csv(table: pa.Table) -> bytes:
    """For spreadsheets: a text that one would take for a formula has an apostrophe before it."""
    target = io.BytesIO()
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
    """What begins like a formula in any program (owasp.org/www-community/attacks/CSV_Injection), as plain text."""
    columns = [_as_text(column) if _is_text(column.type) else column for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = column.cast(pa.large_string())
    return pyarrow.compute.replace_substring_regex(texts, pattern=r"\A([=+\-@\t\r\n＝＋－＠])", replacement=r"'\1")


def _matching(history: History, search: str) -> pd.Index:
    """Rows of `tracks` in whose names every word of the search stands."""
    tracks = history.tracks
    names = (
        tracks["track_name"].fillna("")
        + "\n"
        + tracks["artist_names"].fillna(tracks["artist_name"]).fillna("")
        + "\n"
        + tracks["album_name"].fillna("")
    ).str.casefold()
    is_match = pd.Series(True, index=tracks.index)
    for word in search[:_LONGEST_SEARCH].casefold().split():
        is_match &= names.str.contains(word, regex=False)
    return tracks.index[is_match]


def _is_before(history: History, local: pd.DataFrame, key: tuple[datetime, str]) -> pd.Series:
    """Plays older than the key: of plays at one instant those with a smaller track id."""
    instant, track_id = pd.Timestamp(key[0]), key[1]
    older = local["played_at"] < instant
    same = local["played_at"] == instant
    if same.any():
        ids = history.tracks["track_id"].to_numpy()[local["track"].to_numpy()]
        older |= same & (ids < track_id)
    return older
