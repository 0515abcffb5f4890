"""The command `export`: what is stored comes back out, in every form."""

import csv
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pyarrow.parquet
import pytest

from cli.commands.export import _WRITERS, _write_csv
from tests.cli.harness import ONE, TWO
from tests.load.harness import COLUMNS, play

EXPORTED = [name for name in COLUMNS if name not in ("import_id", "ms_played_import_id")]


@pytest.fixture
def stored(importing):
    plays = [
        play(1, ONE, track_name='One, "two"\nthree', explicit=False, duration_ms=240_000, energy=0.5, artist_id=""),
        play(2, ONE, track_name="Ärger", source="export", ms_played=29_999),
    ]
    importing.stores(*plays, play(3, TWO))
    return plays


def as_text(value):
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z") if isinstance(value, datetime) else value


def test_every_column_of_every_play_of_the_listener_is_in_the_file(importing, stored, tmp_path):
    files = {form: tmp_path / f"plays.{form}" for form in ("csv", "parquet", "json")}
    for form, path in files.items():
        printed = importing.types("export", ONE, "--format", form, "--output", path)
        assert (printed.code, printed.out) == (0, f"Wrote 2 plays to {path}.\n")

    assert json.loads(files["json"].read_text()) == [{name: as_text(row[name]) for name in EXPORTED} for row in stored]
    assert pyarrow.parquet.read_table(files["parquet"]).to_pylist() == [
        {name: row[name] for name in EXPORTED} for row in stored
    ]
    with files["csv"].open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert list(first) == EXPORTED
    assert (first["track_name"], first["explicit"], first["energy"]) == ('One, "two"\nthree', "false", "0.5")
    assert datetime.fromisoformat(second["played_at"]).astimezone(UTC) == stored[1]["played_at"]
    assert (second["track_name"], second["ms_played"], second["duration_ms"]) == ("Ärger", "29999", "")
    assert sorted(path.name for path in tmp_path.glob("*plays.*")) == ["plays.csv", "plays.json", "plays.parquet"]


def test_listens_are_lines_in_a_zip_as_listenbrainz_and_koito_import_it_without_what_does_not_count_or_is_private(
    importing, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    names = {"track_name": "One", "artist_name": "Ada", "artist_names": "Ada; Bo"}
    plays = [
        play(1, ONE, **names, album_name="First", isrc="GBAAA2100001", duration_ms=240_000),
        play(2, ONE, **names, source="export", ms_played=30_000),
        play(3, ONE, **names, source="export", ms_played=29_999),
        play(4, ONE, track_name="No artist"),
        play(5, ONE, **names, duration_ms=240_000, ms_played=90_500),
        play(6, ONE, **names),
        play(7, ONE, **names, source="export", ms_played=90_000, incognito_mode=True),
        play(8, ONE, **names, source="export", ms_played=60_000, incognito_mode=False),
    ]
    importing.stores(*plays)
    printed = importing.types("export", ONE, "--format", "listenbrainz")
    name = f"listenbrainz_{ONE}.zip"
    first, *rest = printed.out.splitlines()
    assert (printed.code, first, rest[0][:19]) == (0, f"Wrote 5 plays to {name}.", "Left out: 3 plays, ")
    url = "https://open.spotify.com/track/6rqhFgbbKwnb9MLmUQDhG6"
    info = {"music_service": "spotify.com", "origin_url": url, "spotify_id": url}
    with ZipFile(name) as archive:
        listens = [json.loads(line) for line in archive.read("listens/plays.jsonl").splitlines()]
        assert archive.namelist() == ["listens/plays.jsonl"]
    # 09:01:01 less the track's 4 minutes, 09:02:01 and 09:05:01 less the time played, 09:06:01 of unknown length,
    # 09:08:01 less the time played.
    instants = [1795337821, 1795338091, 1795338211, 1795338361, 1795338421]
    assert [listen["listened_at"] for listen in listens] == instants
    assert [listen["track_metadata"] for listen in listens[:2]] == [
        {
            **{"artist_name": "Ada", "track_name": "One", "release_name": "First"},
            "additional_info": info | {"isrc": "GBAAA2100001", "duration_ms": 240_000},
        },
        {"artist_name": "Ada", "track_name": "One", "additional_info": info},
    ]


def test_a_number_that_is_none_is_null_in_json(tmp_path):
    """Load stores no such number; another writer may have."""
    path = tmp_path / "plays.json"
    with path.open("wb") as file:
        _WRITERS["json"](pyarrow.table({"tempo": [float("nan"), float("-inf"), 0.5, None]}), file)
    rows = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert [row["tempo"] for row in rows] == [None, None, 0.5, None]


def test_a_file_that_is_there_is_only_replaced_with_the_option(importing, stored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"{ONE}-plays.csv"
    assert importing.types("export", ONE, "--json").json == {"listener": ONE, "file": name, "plays": 2}
    before = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(b"mine")
    refused = importing.types("export", ONE)
    assert (refused.code, refused.out, (tmp_path / name).read_bytes()) == (1, "", b"mine")
    assert f"{name} is there already. Name another file with --output, or add --replace." in refused.err
    assert importing.types("export", ONE, "--replace").code == 0
    assert (tmp_path / name).read_bytes() == before


def test_a_file_is_the_owners_alone_and_never_goes_through_a_link(importing, stored, tmp_path):
    target, link = tmp_path / "target", tmp_path / "plays.csv"
    target.write_bytes(b"mine")
    for leads_to in (target, tmp_path / "nowhere"):
        link.symlink_to(leads_to)
        refused = importing.types("export", ONE, "--output", link)
        assert (refused.code, f"{link} is there already." in refused.err) == (1, True)
        assert importing.types("export", ONE, "--output", link, "--replace").code == 0
        assert (link.is_symlink(), target.read_bytes(), link.stat().st_mode & 0o777) == (False, b"mine", 0o600)
        link.unlink()
    assert list(tmp_path.glob("*.unfinished")) == []


def test_what_is_no_file_is_never_replaced(importing, stored, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path in (tmp_path / "pipe", tmp_path / "link", tmp_path, Path("/dev/null")):
        before = path.lstat()
        refused = importing.types("export", ONE, "--output", path, "--replace")
        assert (refused.code, f"{path} is not a file. Nothing was written." in refused.err) == (1, True)
        assert path.lstat().st_ino == before.st_ino


def test_the_name_of_a_half_written_file_is_no_way_to_another_file(importing, stored, tmp_path):
    """A stranger in a shared folder lays links under the names that are to be expected."""
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    for name in (".plays.csv.unfinished", "plays.csv.unfinished"):
        (tmp_path / name).symlink_to(target)
    assert importing.types("export", ONE, "--output", tmp_path / "plays.csv").code == 0
    assert target.read_bytes() == b"mine"


def test_no_cell_of_the_csv_is_a_formula(tmp_path):
    names = ["=HYPERLINK(1)", "'=1", "@x", "+44", "\t=1", "＝1", "a;=1;'-1", 'a;"=b', "Ärger", "'quoted'", None]
    path = tmp_path / "plays.csv"
    with path.open("wb") as file:
        _write_csv(pyarrow.table({"track_name": names, "loudness": [-5.5] * len(names)}), file)
    with path.open(newline="", encoding="utf-8") as file:
        cells = [row["track_name"] for row in csv.DictReader(file)]
    guarded = ["'=HYPERLINK(1)", "''=1", "'@x", "'+44", "\t'=1", "'＝1", "a;'=1;''-1", "a;\"'=b"]
    assert cells == [*guarded, "Ärger", "'quoted'", ""]
    assert "-5.5" in path.read_text()


def test_nothing_to_write_and_nowhere_to_write_are_reported(importing, stored, tmp_path):
    unknown = importing.types("export", "unknown", "--output", tmp_path / "x")
    assert (unknown.code, "No play of unknown is stored. Nothing was written." in unknown.err) == (1, True)
    nowhere = importing.types("export", ONE, "--output", tmp_path / "missing" / "x")
    assert (nowhere.code, nowhere.err.splitlines()[-1]) == (
        1,
        f"{tmp_path / 'missing' / 'x'} cannot be written: No such file or directory. Name another file with --output.",
    )
    assert list(tmp_path.glob("x")) == []
