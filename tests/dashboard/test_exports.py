"""Looking through the history and taking it away."""

import csv
import io
import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exports
from tests.dashboard.invented import history_of, play, track
from tests.dashboard.seeding import rows_of

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


@settings(max_examples=40, deadline=None)
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
        page, cursor, count = exports.history_page(history, local, before=cursor, size=size)
        assert count == len(plays)
        seen += list(zip(page["played_at"], page["key"], strict=True))
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert {(when.to_pydatetime(), key) for when, key in seen} == {(row["played_at"], row["track_id"]) for row in plays}


def test_plays_that_arrive_meanwhile_move_no_page():
    plays = [play(f"2026-11-01 10:0{n}", f"t{n}") for n in range(4)]
    first, cursor, _ = exports.history_page(history_of(plays), history_of(plays).local("UTC"), size=2)
    later = history_of([*plays, play("2026-11-01 11:00", "t9")])
    second, _, _ = exports.history_page(later, later.local("UTC"), before=cursor, size=2)
    assert [*first["key"], *second["key"]] == ["t3", "t2", "t1", "t0"]


def test_every_word_of_a_search_has_to_stand_in_title_artists_or_album():
    tracks = [
        track("a", track_name="Straße (Live)", artist_names="Ada; Bo"),
        track("b", track_name="Other", album_name="Live at Dawn"),
        track("c", track_name="100% .*"),
    ]
    history = history_of([play(f"2026-11-0{n} 10:00", track_id) for n, track_id in enumerate("abc", start=1)], tracks)

    def found(search: str) -> list[str]:
        page, _, count = exports.history_page(history, history.local("UTC"), search)
        assert count == len(page)
        return sorted(page["key"])

    assert found("live") == ["a", "b"]
    assert found("LIVE bo") == ["a"]
    assert found("strasse") == ["a"]
    assert found("% .*") == ["c"]
    assert found("   ") == ["a", "b", "c"]
    assert found("nowhere") == []


def test_a_csv_can_be_read_back():
    [row] = csv.DictReader(io.StringIO(exports.to_csv(rows_of("plays", [ROW])).decode()))
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
        ("\t=1", "'\t=1"),
        ("\r\n=1", "'\r\n=1"),
        ("＝1", "'＝1"),
        ('="a"", ""b"', '\'="a"", ""b"'),
        ("1 = 1", "1 = 1"),
        ("a\n=b", "a\n=b"),
        ("'quoted'", "'quoted'"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary"])
def test_no_cell_of_a_csv_is_a_formula(text: str, cell: str, kind: str) -> None:
    types = {
        "string": pa.string(),
        "large_string": pa.large_string(),
        "dictionary": pa.dictionary(pa.int8(), pa.string()),
    }
    table = pa.table({"name": pa.array([text, None], pa.string()).cast(types[kind]), "loudness": [-5.5, None]})
    header, first, second = csv.reader(io.StringIO(exports.to_csv(table).decode(), newline=""))
    assert (header, first, second) == (["name", "loudness"], [cell, "-5.5"], ["", ""])


def test_a_parquet_file_is_the_table():
    table = rows_of("plays", [ROW])
    assert pyarrow.parquet.read_table(io.BytesIO(exports.to_parquet(table))).equals(table)


def test_json_keeps_letters_and_instants():
    text = exports.to_json(pd.DataFrame([{"name": "夜明け", "played_at": ROW["played_at"]}])).decode()
    assert json.loads(text) == [{"name": "夜明け", "played_at": "2026-11-01T10:00:00.123Z"}]
    assert "夜明け" in text
