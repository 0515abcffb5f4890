"""What `export` writes, `import` takes back."""

import io
import json
import shutil
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.commands.export import _spotify_row, _write_csv
from cli.commands.import_history.landing import values_of
from cli.commands.import_history.reading import every_row
from cli.commands.import_history.reading.own_export import _csv_rows
from cli.commands.import_history.reading.play_times import dated
from cli.commands.import_history.reading.plays import Rows
from cli.commands.import_history.reading.spotify_rows import ExportedPlay, Manner, parse_row
from tests.cli.harness import ONE
from tests.cli.import_history.harness import NEW
from tests.cli.import_history.test_undo import import_id_of
from tests.load.harness import play

pytestmark = pytest.mark.usefixtures("listener")
FORMS = ("csv", "json", "parquet")


@pytest.fixture
def stored(importing):
    plays = [
        play(1, ONE, track_name='One, "two"\nthree', explicit=False, duration_ms=240_000, energy=0.1, artist_id=""),
        play(5, ONE, track_name="Ärger", source="export", ms_played=29_999, reason_end="fwdbtn", skipped=True),
        play(9, ONE, ms_played=200_000, explicit=True, reported_at=play(10)["played_at"], popularity=0, tempo=120.0),
        play(15, ONE, shuffle=False, incognito_mode=True),
    ]
    importing.stores(*plays)
    return plays


def test_what_is_exported_changes_nothing_and_makes_an_empty_warehouse_the_same_in_every_form(
    importing, stored, tmp_path
):
    for form in FORMS:
        importing.types("export", ONE, "--format", form, "--output", tmp_path / form)
    landed = importing.landed()
    for form in FORMS:
        result = importing.types("import", ONE, tmp_path / form, "--json").json
        assert (result["rows"], result["known"], result["new"], result["completed"]) == (4, 4, 0, 0)
    # A CSV from the dashboard begins with the mark of UTF-8.
    for form, encoding in (("json", "utf-8-sig"), ("json", "utf-16"), ("csv", "utf-8-sig")):
        marked = tmp_path / f"{form}-{encoding}"
        marked.write_bytes((tmp_path / form).read_bytes().decode().encode(encoding))
        assert importing.types("import", ONE, marked, "--json").json["known"] == 4
    assert (importing.plays(), importing.landed()) == (stored, landed)

    importing.rows("DELETE FROM listening.plays WHERE TRUE")
    for form in FORMS:
        output = importing.types("import", ONE, tmp_path / form)
        assert (output.code, output.out.splitlines()[1]) == (0, "   4  stored: new plays")
        import_id = import_id_of(output)
        plays = importing.plays()
        assert [row.pop("import_id") for row in plays] == [import_id] * 4
        assert [row.pop("ms_played_import_id") for row in plays] == [None, import_id, import_id, import_id]
        assert plays == [{name: row[name] for name in plays[0]} for row in stored]
        undone = importing.types("import", "--undo", import_id, "--json").json
        assert (undone["deleted"], undone["times_taken_back"], importing.plays()) == (4, 0, [])


MINUTE, NOW = datetime(2024, 5, 1, 9, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def export_row(ts, ms_played, **values):
    return {
        **{"ts": f"{ts:%Y-%m-%dT%H:%M:%SZ}", "ms_played": ms_played},
        **{"spotify_track_uri": "spotify:track:6rqhFgbbKwnb9MLmUQDhG6", "master_metadata_track_name": 'One "two"'},
        **{"master_metadata_album_artist_name": "Ada", **values},
    }


def test_plays_of_an_export_are_identical_after_a_way_through_spotifys_form(importing, tmp_path):
    """An interrupted one, a short one without a title, a usual one, one of a program that writes fractions."""
    manner = {"reason_start": "clickrow", "reason_end": "logout", "skipped": False, "shuffle": True}
    rows = [
        export_row(MINUTE, 200_000, offline_timestamp=int(MINUTE.timestamp()) - 20_000, **manner, incognito_mode=True),
        export_row(MINUTE + timedelta(hours=9), 9_000, master_metadata_track_name=None, reason_end="fwdbtn"),
        export_row(MINUTE + timedelta(hours=12), 180_000),
        export_row(MINUTE, 180_000) | {"ts": "2024-05-01T22:00:00.7+00:00"},
    ]
    (tmp_path / "endsong_0.json").write_text(json.dumps(rows))
    assert importing.types("import", ONE, tmp_path / "endsong_0.json").code == 0
    before = importing.plays()
    assert [row["reported_at"] for row in before] == [MINUTE, None, None, None]
    assert [row["reason_end"] for row in before] == ["logout", "fwdbtn", None, None]
    assert before[0].items() >= {**manner, "incognito_mode": True}.items()
    output = importing.types("export", ONE, "--format", "spotify", "--output", tmp_path / "out.json")
    assert (output.code, output.out) == (0, f"Wrote 4 plays to {tmp_path / 'out.json'}.\n")
    assert importing.types("import", ONE, tmp_path / "out.json", "--json").json["known"] == 4
    importing.rows("DELETE FROM listening.plays WHERE TRUE")
    assert importing.types("import", ONE, tmp_path / "out.json").code == 0
    own = ("run_id", "ingested_at", "import_id", "ms_played_import_id")
    first, second = ([{**row, **dict.fromkeys(own)} for row in plays] for plays in (before, importing.plays()))
    assert first == second


REASON, FLAG = st.none() | st.from_regex("[a-z][a-z-]{0,39}", fullmatch=True), st.none() | st.booleans()


@given(st.builds(Manner, REASON, REASON, FLAG, FLAG, FLAG))
def test_how_a_play_began_and_ended_comes_back_from_spotifys_form_as_it_was(manner):
    row = {**play(1), "track_id": "6rqhFgbbKwnb9MLmUQDhG6", "ms_played": 200_000, **manner._asdict()}
    back = parse_row(json.loads(json.dumps(_spotify_row(row))), NOW)
    assert back.manner == manner


EXPORTED = st.builds(
    lambda ts, track, ms_played, late: ExportedPlay(
        *(MINUTE + timedelta(seconds=ts), track * 22, "One", "Ada", None, ms_played),
        None if late is None else MINUTE + timedelta(seconds=ts - late - ms_played // 1000),
    ),
    st.sampled_from([0, 0, 0, 1, 30, 200, 3600]),
    st.sampled_from("AB"),
    st.sampled_from([500, 1_500, 2_500, 30_000, 200_000]),
    st.none() | st.sampled_from([0, 1, 5, 60, 95, 400, 4000]),
)


@given(st.lists(EXPORTED, max_size=6))
def test_plays_of_an_export_are_as_many_and_as_long_after_a_way_through_spotifys_form(rows):
    """Also beside the file that they came from, where they are found again."""
    before = dated(Rows(rows))
    exported = [_spotify_row({**play(1), **values_of(each, ONE)}) for each in before]
    back = [parse_row(json.loads(json.dumps(row)), NOW) for row in exported]
    key = ("played_at", "reported_at", "track_id", "ms_played")
    first, second, both = (
        [tuple(getattr(each, name) for name in key) for each in plays]
        for plays in (before, dated(Rows(back)), dated(Rows([*back, *rows])))
    )
    assert second == first
    assert {row[:3] for row in both} == {row[:3] for row in first}


def test_what_export_writes_in_spotifys_form_closes_no_gap_though_spotifys_own_file_does(importing, tmp_path):
    rows = [export_row(MINUTE + timedelta(hours=hours), 180_000) for hours in (0, 9, 12)]
    (tmp_path / "endsong_0.json").write_text(json.dumps(rows))
    importing.types("import", ONE, tmp_path / "endsong_0.json")
    importing.add_gap(MINUTE + timedelta(hours=1), MINUTE + timedelta(hours=11))
    importing.types("export", ONE, "--format", "spotify", "--output", tmp_path / "endsong_1.json")
    result = importing.types("import", ONE, tmp_path / "endsong_1.json", "--json").json
    assert (result["known"], result["gaps_closed"], result["gaps_left"]) == (3, 0, [])
    (tmp_path / "joined.json").write_text(json.dumps(rows + json.loads((tmp_path / "endsong_1.json").read_text())[-1:]))
    assert importing.types("import", ONE, tmp_path / "joined.json", "--json").json["gaps_closed"] == 0
    assert importing.types("import", ONE, tmp_path / "endsong_0.json", "--json").json["gaps_closed"] == 1


@given(st.lists(st.none() | st.text() | st.text("=+\t\r\n＠;'\"a"), min_size=1))
def test_every_text_comes_back_from_csv_as_it_was(names):
    file = io.BytesIO()
    _write_csv(pa.table({"listener_id": [ONE] * len(names), "track_name": pa.array(names, pa.string())}), file)
    file.seek(0)
    assert [row["track_name"] for row in _csv_rows(io.BufferedReader(file))] == names


def test_a_long_text_comes_back_from_every_form(importing, tmp_path):
    rows = [export_row(MINUTE, 200_000, master_metadata_track_name="=" + "ä" * 140_000)]
    (tmp_path / "endsong_0.json").write_text(json.dumps(rows, ensure_ascii=False))
    importing.types("import", ONE, tmp_path / "endsong_0.json")
    for form in FORMS:
        importing.types("export", ONE, "--format", form, "--output", tmp_path / form)
        assert importing.types("import", ONE, tmp_path / form, "--dry-run", "--json").json["known"] == 1


def test_what_is_not_as_it_was_written_is_refused_or_named(importing, stored, tmp_path):
    for form in FORMS:
        importing.types("export", ONE, "--format", form, "--output", tmp_path / form)
        half = tmp_path / f"half-{form}"
        half.write_bytes((tmp_path / form).read_bytes()[:-20])
        refused = importing.types("import", ONE, half, "--dry-run")
        assert (refused.code, f"half-{form} is not " in refused.err, "Nothing was stored." in refused.err) == (
            *(1, True, True),
        )
    for encoding in ("utf-16", "utf-16-be", "utf-32"):
        (tmp_path / "saved.csv").write_text((tmp_path / "csv").read_text(), encoding=encoding)
        refused = importing.types("import", ONE, tmp_path / "saved.csv", "--dry-run")
        assert (refused.code, "saved.csv is not UTF-8: a spreadsheet has saved it" in refused.err) == (1, True)
    beside = importing.types("import", ONE, NEW, tmp_path / "csv", "--dry-run")
    assert (beside.code, "csv is a file that `export` has written, to be given by itself" in beside.err) == (1, True)
    (tmp_path / "folder").mkdir()
    shutil.copy(tmp_path / "parquet", tmp_path / "folder")
    folder = importing.types("import", ONE, tmp_path / "folder", "--dry-run")
    assert (folder.code, "is a file that `export` has written, to be given by itself" in folder.err) == (1, True)

    rows = json.loads((tmp_path / "json").read_text())
    changes = ({"played_at": "soon"}, {"source": None}, {"track_id": ""}, {"track_id": " "})
    (tmp_path / "odd").write_text(json.dumps([rows[0], *(rows[1] | change for change in changes)]))
    result = importing.types("import", ONE, tmp_path / "odd", "--dry-run", "--json").json
    assert (result["known"], [row["reason"] for row in result["unreadable"]]) == (
        1,
        [
            *("played_at is not of the type TIMESTAMP", "source is missing"),
            *("track_id is empty", "track_id is empty"),
        ],
    )
    (tmp_path / "more").write_text(json.dumps([row | {"mood": "blue"} for row in rows]))
    more = importing.types("import", ONE, tmp_path / "more", "--dry-run")
    assert (more.code, "more has the column 'mood', which plays do not have here." in more.err) == (1, True)
    text = (tmp_path / "csv").read_text()
    (tmp_path / "sheet").write_text(text.replace(",", ";"))
    sheet = importing.types("import", ONE, tmp_path / "sheet", "--dry-run")
    assert (sheet.code, "which plays do not have here. Nothing was stored. Write it again" in sheet.err) == (1, True)


UNPACKS = "unpacks to far more than `export` writes. Nothing was stored. Check where it comes from."


@pytest.mark.parametrize(
    ("track_name", "rows", "encoding", "sentence"),
    [
        pytest.param("0" * (260 << 20), 1, "PLAIN", UNPACKS, id="one large page"),
        pytest.param("0" * 20_000, 40_000, "PLAIN", UNPACKS, id="one long text"),
        pytest.param("0" * (1 << 20), 1, "PLAIN", "has a row of more than 1,048,576 bytes", id="one large row"),
        pytest.param("Song", 50_001, "PLAIN", "with it there are more than 50,000 rows", id="more than anyone has"),
        pytest.param("", 40_000, "DELTA_BINARY_PACKED", UNPACKS, id="rows of no byte"),
    ],
)
def test_a_small_parquet_file_that_unpacks_to_gigabytes_is_refused_by_name(
    importing, tmp_path, monkeypatch, track_name, rows, encoding, sentence
):
    monkeypatch.setattr(every_row, "MOST_ROWS", 50_000)
    text = pa.array([track_name])
    values = {
        **{"listener_id": pa.array([ONE]), "track_id": pa.array(["a"]), "run_id": pa.array(["r"])},
        **{"source": pa.array(["api"]), "track_name": text},
    }
    zeros = pa.array([0] * rows, pa.int32())
    table = {name: pa.DictionaryArray.from_arrays(zeros, value) for name, value in values.items()}
    for name in ("played_at", "ingested_at"):
        table[name] = pa.array([1_780_000_000_000 + number for number in range(rows)], pa.timestamp("ms", "UTC"))
    pa.parquet.write_table(
        pa.table(table),
        tmp_path / "bomb",
        compression="zstd",
        write_statistics=False,
        use_dictionary=[*values],
        column_encoding=dict.fromkeys(("played_at", "ingested_at"), encoding),
    )
    assert (tmp_path / "bomb").stat().st_size < 2_000_000
    refused = importing.types("import", ONE, tmp_path / "bomb", "--dry-run")
    assert (refused.code, f"bomb {sentence}" in refused.err or f"bomb: {sentence}" in refused.err) == (1, True)


def test_a_dry_run_of_rows_out_of_bounds_predicts_what_is_stored(importing, stored, tmp_path):
    importing.types("export", ONE, "--format", "json", "--output", tmp_path / "json")
    rows = json.loads((tmp_path / "json").read_text())
    rows[0] |= {"ingested_at": "1970-01-01T00:00:00Z"}
    rows[1] |= {"ms_played": 2**63, "popularity": 101, "album_release_date": "soon", "reported_at": "1970-01-01T00:00Z"}
    rows[1] |= {"reason_end": "NO WORD", "isrc": "none"}
    rows[2] |= {"isrc": "gb-aaa-21-00001"}
    rows.append(rows[2] | {"listener_id": "Ada Lovelace"})
    (tmp_path / "json").write_text(json.dumps(rows))
    importing.rows("DELETE FROM listening.plays WHERE TRUE")
    outputs = [importing.types("import", ONE, tmp_path / "json", "--json", *dry) for dry in (["--dry-run"], [])]
    results = [output.json for output in outputs]
    for output in outputs:
        assert output.code == 1
        sentence = "2 rows could not be read: row 0 of json: ingested_at lies before 2006-01-01. The other rows are"
        assert f"{sentence} accounted for. Write the file again with `export`." in output.err
    assert [(each["new"], each["refused"]) for each in results] == [(3, 0)] * 2
    reasons = ["ingested_at lies before 2006-01-01", "listener_id is out of its column's bounds"]
    assert [[row["reason"] for row in each["unreadable"]] for each in results] == [reasons] * 2
    names = ("ms_played", "popularity", "album_release_date", "reported_at", "reason_end", "isrc")
    assert [each["emptied"] for each in results] == [dict.fromkeys(names, 1)] * 2
    shown = importing.types("import", ONE, tmp_path / "json").out
    assert "Out of the column's bounds, so stored without the value: album_release_date in 1 row, " in shown
    assert [importing.plays()[0][name] for name in names] == [None] * 6
    assert importing.plays()[1]["isrc"] == "GBAAA2100001", "as ingest stores it"


@pytest.mark.parametrize(("form", "plays"), [("csv", 4), ("spotify", 2)])
def test_the_plays_of_another_listener_are_stored_only_if_they_are_meant(importing, stored, tmp_path, form, plays):
    importing.types("export", ONE, "--format", form, "--output", tmp_path / "plays")
    refused = importing.types("import", "other", tmp_path / "plays", "--new-listener")
    assert (refused.code, f"The file holds plays of {ONE}, not of other alone." in refused.err) == (1, True)
    assert importing.types("import", "other", tmp_path / "plays", "--new-listener", "--anyway").code == 0
    assert [row["listener_id"] for row in importing.plays()] == [ONE] * 4 + ["other"] * plays
