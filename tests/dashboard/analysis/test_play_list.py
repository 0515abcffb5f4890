"""Looking through the history and taking it away."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import play_list
from tests.dashboard.invented.history import history_of, play, track
from tests.seed import rows_of

ROW = {
    "listener_id": "ania",
    "played_at": pd.Timestamp("2026-11-01 10:00:00.123", tz="UTC"),
    "track_id": "a",
    "track_name": 'Quoted "name", with comma\nand line',
    "duration_ms": 180_000,
    "source": "api",
    "run_id": "x",
    "ingested_at": pd.Timestamp("2026-11-01 11:00", tz="UTC"),
}


@settings(max_examples=40)
@given(
    moments=st.lists(st.integers(0, 5), min_size=0, max_size=40),
    size=st.integers(1, 7),
)
def test_pages_put_together_are_every_play_once_the_newest_first(moments: list[int], size: int):
    # Up to five minutes for forty plays: many stand at one instant.
    plays = [play(f"2026-11-01 10:0{minute}", f"t{n:02}") for n, minute in enumerate(moments)]
    history = history_of(plays)
    local = history.local("UTC")
    seen: list[tuple[Any, Any]] = []
    cursor = None
    while True:
        page = play_list.history_page(history, local, before=cursor, size=size)
        assert page.found == len(plays)
        seen += list(zip(page.plays["played_at"], page.plays["key"], strict=True))
        cursor = page.older
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert {(when.to_pydatetime(), key) for when, key in seen} == {(row["played_at"], row["track_id"]) for row in plays}


def test_plays_that_arrive_meanwhile_move_no_page():
    plays = [play(f"2026-11-01 10:0{n}", f"t{n}") for n in range(4)]
    first = play_list.history_page(history_of(plays), history_of(plays).local("UTC"), size=2)
    later = history_of([*plays, play("2026-11-01 11:00", "t9")])
    second = play_list.history_page(later, later.local("UTC"), before=first.older, size=2)
    assert [*first.plays["key"], *second.plays["key"]] == ["t3", "t2", "t1", "t0"]


def test_the_way_back_shows_the_same_pages_and_ends_at_the_first():
    plays = [play(f"2026-11-01 10:0{n}", f"t{n}") for n in range(7)]
    history = history_of(plays)
    way = [play_list.history_page(history, history.local("UTC"), size=2)]
    while way[-1].older:
        way.append(play_list.history_page(history, history.local("UTC"), before=way[-1].older, size=2))
    back = way[-1]
    for earlier in way[-2::-1]:
        back = play_list.history_page(history, history.local("UTC"), before=back.newer, size=2)
        assert list(back.plays["key"]) == list(earlier.plays["key"])
    assert [page.is_first for page in way] == [True, False, False, False]
    assert (back.is_first, back.newer) == (True, None)


@given(st.integers(0, 3_000_000_000_000), st.from_regex(r"[0-9A-Za-z]{1,22}", fullmatch=True))
def test_a_place_in_the_history_survives_the_address(played_at_ms: int, track_id: str):
    cursor = play_list.Cursor(datetime(2006, 1, 1, tzinfo=UTC) + timedelta(milliseconds=played_at_ms), track_id)
    assert play_list.to_cursor(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text", [None, "", "~", "yesterday~a", "0001-01-01T00:00:00~a", "9999-12-31~a", "2026-11-01T10:00:00+99:00~a", "\0"]
)
def test_rubbish_in_the_address_is_no_place_in_the_history(text: str | None):
    assert play_list.to_cursor(text) is None


def test_every_word_of_a_search_has_to_stand_in_title_artists_or_album():
    tracks = [
        track("a", track_name="Straße (Live)", artist_names="Ada; Bo"),
        track("b", track_name="Other", album_name="Live at Dawn"),
        track("c", track_name="100% .*"),
    ]
    history = history_of([play(f"2026-11-0{n} 10:00", track_id) for n, track_id in enumerate("abc", start=1)], tracks)

    def found(search: str) -> list[str]:
        page = play_list.history_page(history, history.local("UTC"), search)
        assert page.found == len(page.plays)
        return sorted(page.plays["key"])

    assert found("live") == ["a", "b"]
    assert found("LIVE bo") == ["a"]
    assert found("strasse") == ["a"]
    assert found("% .*") == ["c"]
    assert found("   ") == ["a", "b", "c"]
    assert found("nowhere") == []


def test_a_csv_can_be_read_back_and_says_that_it_is_utf8():
    """Without the mark Excel on Windows reads a CSV as text in its own code page."""
    written = play_list.to_csv(rows_of("plays", [ROW]))
    assert written.startswith(b'\xef\xbb\xbf"')
    [row] = csv.DictReader(io.StringIO(written.decode("utf-8-sig")))
    assert row["track_name"] == ROW["track_name"]
    assert row["played_at"] == "2026-11-01 10:00:00.123000Z"
    assert (row["duration_ms"], row["ms_played"]) == ("180000", "")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@cmd|' /C calc'!A0", "'@cmd|' /C calc'!A0"),
        ("+44", "'+44"),
        ("-", "'-"),
        ("\t=1", "\t'=1"),
        ("\r\n=1", "\r\n'=1"),
        ("＝1", "'＝1"),
        ('="a"", ""b"', '\'="a"", ""b"'),
        ("1 = 1", "1 = 1"),
        ("a\n=b", "a\n'=b"),
        ("Song;=cmd|'/C calc'!A0;", "Song;'=cmd|'/C calc'!A0;"),
        (";=1;'@x; =2;", ";'=1;''@x; =2;"),
        ('a;""=1', 'a;""\'=1'),
        ("'quoted'", "'quoted'"),
        ("'=1", "''=1"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())], ids=str)
def test_no_cell_of_a_csv_is_a_formula(text: str, cell: str, kind: pa.DataType) -> None:
    table = pa.table({"name": pa.array([text, None], pa.string()).cast(kind), "loudness": [-5.5, None]})
    header, first, second = csv.reader(io.StringIO(play_list.to_csv(table).decode("utf-8-sig"), newline=""))
    assert (header, first, second) == (["name", "loudness"], [cell, "-5.5"], ["", ""])


def test_a_parquet_file_is_the_table():
    table = rows_of("plays", [ROW])
    assert pyarrow.parquet.read_table(io.BytesIO(play_list.to_parquet(table))).equals(table)


def test_json_keeps_letters_and_instants():
    text = play_list.to_json(pd.DataFrame([{"name": "夜明け", "played_at": ROW["played_at"]}])).decode()
    assert json.loads(text) == [{"name": "夜明け", "played_at": "2026-11-01T10:00:00.123Z"}]
    assert "夜明け" in text
