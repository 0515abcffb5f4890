"""The invented export holds the plays of the invented life, and what real files hold beside them."""

import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from localcloud.listeners.listeners import invented_listeners
from localcloud.listeners.lives import Life
from localcloud.listeners.music import invent_catalogue
from localcloud.spotify.data_export import export_row, export_rows, write_zip

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def plays():
    return Life(invented_listeners(1)[0], invent_catalogue(1), 1).between(SINCE, SINCE + timedelta(days=40))


def test_a_play_has_the_form_of_an_export(plays):
    play = plays[0]
    row = export_row(play)
    assert datetime.fromisoformat(row["ts"]) == play.played_at.replace(microsecond=0)
    assert row["ms_played"] == play.ms_played
    assert row["spotify_track_uri"] == f"spotify:track:{play.track.id}"
    assert row["master_metadata_album_artist_name"] == play.track.album.artists[0].name
    assert "duration_ms" not in row


def test_a_play_ended_with_its_track_or_was_skipped(plays):
    for play in plays:
        row, is_whole = export_row(play), play.ms_played == play.track.duration_ms
        assert (row["reason_end"], row["skipped"]) == (("trackdone", False) if is_whole else ("fwdbtn", True))
    short = [row for row in export_rows(plays) if 0 < row["ms_played"] < 30_000 and row["spotify_track_uri"]]
    assert {(row["reason_end"], row["skipped"]) for row in short} == {("fwdbtn", True)}


def test_every_play_is_there_and_so_is_everything_that_makes_real_files_hard(plays):
    rows = export_rows(plays)
    keys = [(row["ts"], row["spotify_track_uri"]) for row in rows]
    assert {(export_row(play)["ts"], export_row(play)["spotify_track_uri"]) for play in plays} <= set(keys)
    assert keys == sorted(keys, key=lambda each: each[0])
    assert len(keys) > len(set(keys)), "duplicate rows"
    assert any(row["spotify_episode_uri"] for row in rows)
    assert any(row["ms_played"] < 30_000 and row["spotify_track_uri"] for row in rows)
    assert export_rows(plays) == rows, "the same for the same seed"


def test_the_zip_is_cut_into_files_as_spotify_cuts_them(plays, tmp_path):
    write_zip(tmp_path / "export.zip", plays, rows_per_file=500)
    with zipfile.ZipFile(tmp_path / "export.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name.endswith(".json")}
    assert [name.rpartition("/")[2] for name in files] == [
        f"Streaming_History_Audio_2026-2026_{number}.json" for number in range(len(files))
    ]
    assert [row for content in files.values() for row in json.loads(content)] == export_rows(plays)


def test_the_command_writes_one_and_refuses_an_unknown_listener(tmp_path):
    command = [sys.executable, "-m", "localcloud.spotify.data_export"]
    path = tmp_path / "export.zip"
    done = subprocess.run([*command, "listener-three", path], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith(f"plays of listener-three are in {path}.\n")
    refused = subprocess.run([*command, "unknown", path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (refused.returncode, "invalid choice: 'unknown'" in refused.stderr) == (2, True)
