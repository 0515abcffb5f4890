"""The command `import` against a laptop cloud in which load really merges."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from cli.commands.import_history import comparison
from localcloud.spotify.data_export import export_row, export_rows, write_zip
from tests.cli.harness import ONE, TWO
from tests.cli.import_history.harness import NEW, OLD, SINCE, UNTIL, A, B, page, wait_for, write_export
from tests.load.harness import play

pytestmark = pytest.mark.usefixtures("listener")


def stored(played_at, track, ms_played, name, artist, album, **manner):
    """The columns that an export decides."""
    return {
        **{"listener_id": ONE, "played_at": datetime.fromisoformat(played_at), "track_id": track},
        **{"track_name": name, "artist_name": artist, "album_name": album, "ms_played": ms_played, "source": "export"},
        **{"shuffle": False, "incognito_mode": False, "reason_end": "trackdone", **manner},
    }


def test_the_plays_of_both_forms_are_stored_and_every_row_is_accounted_for(importing):
    output = importing.types("import", ONE, NEW, OLD)

    assert (output.code, output.out) == (
        0,
        "rows  what became of them\n"
        "   5  stored: new plays\n"
        "   1  more than once in the files\n"
        "   2  left out: podcast episode\n"
        "   1  left out: audiobook\n"
        "   1  left out: local file\n"
        "   1  left out: no track id\n"
        "  11  in the files\n"
        "\n"
        "The plays ended between 2018-05-01 07:00 and 2024-04-20 12:00 UTC.\n"
        "Played for less than 30 seconds, so stored but not counted: 2 plays.\n",
    )
    rows = importing.plays()
    run_ids = {row.pop("run_id") for row in rows}
    instants = {row.pop("ingested_at") for row in rows}
    import_ids = {row.pop(name) for row in rows for name in ("import_id", "ms_played_import_id")}
    assert [{name: value for name, value in row.items() if value is not None} for row in rows] == [
        stored("2018-05-01T07:00:00Z", A, 240_000, "One", "Ada", "First", reason_start="clickrow"),
        stored("2018-05-01T07:04:10Z", B, 29_999, "Two", "Ada", "First", reason_start="clickrow"),
        stored("2023-12-31T23:59:58Z", A, 183_000, "One", "Ada", "First", reason_start="trackdone", skipped=False),
        stored(
            *("2024-01-01T00:00:03Z", B, 4_210, 'Two, "live"', "Björk & Ada", "Zweites\nAlbum"),
            **{"reason_start": "trackdone", "reason_end": "fwdbtn", "skipped": True},
        ),
        stored("2024-04-20T12:00:00Z", A, 201_000, "One", "Ada", "First", reason_start="trackdone", skipped=False),
    ]
    [run_id], [ingested_at], [import_id] = run_ids, instants, import_ids
    assert abs(ingested_at - datetime.now(UTC)) < timedelta(minutes=1)
    [recorded] = importing.rows("SELECT * FROM listening.imports")
    assert recorded.pop("finished_at") >= recorded.pop("started_at")
    assert recorded == {
        **{"import_id": import_id, "listener_id": ONE, "undone_at": None},
        "files": '["Streaming_History_Audio_2023-2024_7.json", "endsong_0.json"]',
        "first_played_at": datetime(2018, 5, 1, 7, tzinfo=UTC),
        "last_played_at": datetime(2024, 4, 20, 12, tzinfo=UTC),
        **{"rows_in": 11, "rows_new": 5, "rows_completed": 0, "rows_known": 0},
        "undo_finished_at": None,
    }
    assert importing.landed() == [f"plays/{run_id[:4]}/{run_id[4:6]}/{run_id[6:8]}/{run_id}.csv"]
    assert importing.ledger() == [
        ("import", "succeeded", 5, 5),
        ("load", "succeeded", 5, 5),
        ("transform", "skipped", None, None),
    ]


def test_the_same_files_again_in_any_order_and_overlapping_store_nothing_anew(importing):
    for files in permutations([NEW, OLD]):
        importing.types("import", ONE, *files)
    plays, landed = importing.plays(), importing.landed()
    again = importing.types("import", ONE, OLD, NEW, NEW)

    assert (len(plays), importing.plays(), importing.landed(), len(landed)) == (5, plays, landed, 1)
    assert again.out.splitlines()[:4] == [
        "rows  what became of them",
        "   0  stored: new plays",
        "   5  already there",
        "   5  more than once in the files",
    ]


def test_as_json_the_numbers_add_up(importing, tmp_path):
    broken = tmp_path / "history.json"
    broken.write_text(json.dumps([*json.loads(NEW.read_text()), {"ts": "never", "spotify_track_uri": "?"}]))
    result = importing.types("import", ONE, broken, "--json").json

    assert (
        result["rows"]
        == 9
        == sum([result["new"], result["completed"], result["known"], result["repeats"], *result["left_out"].values()])
    )
    assert result["left_out"] == {
        **{"podcast episode": 1, "audiobook": 1, "local file": 1, "no track id": 1},
        "unreadable": 1,
    }
    reason = "ts is not an instant with a time zone"
    assert result["unreadable"] == [{"file": "history.json", "index": 8, "reason": reason}]
    assert [step["step"] for step in result["steps"]] == ["import", "load", "transform"]


def test_a_dry_run_says_the_same_and_stores_nothing(importing):
    played_at = datetime(2024, 4, 20, 12, 0, 40, 863_000, UTC)
    importing.stores(play(0, ONE, track=A, played_at=played_at, track_name="One", artist_name="Ada"))
    wait_for(lambda: len(importing.ledger()) == 2)  # load's row and transform's
    plays, ledger, landed = importing.plays(), importing.ledger(), importing.landed()
    dry = importing.types("import", ONE, NEW, OLD, "--dry-run")
    dry_json = importing.types("import", ONE, NEW, OLD, "--dry-run", "--json").json
    assert (importing.plays(), importing.ledger(), importing.landed()) == (plays, ledger, landed)
    [staged] = importing.client().list_tables("listening_staging")
    assert staged.table_id.startswith("plays_staging_20261122T100000Z_")  # load's own, of the play from before

    done = importing.types("import", ONE, NEW, OLD, "--json").json
    counts = ("rows", "new", "completed", "known", "repeats", "left_out", "short_plays")
    assert {name: dry_json[name] for name in counts} == {name: done[name] for name in counts}
    assert (done["new"], done["completed"]) == (4, 1)
    assert dry.out.startswith("rows  what would become of them\n")
    assert "Played for less than 30 seconds, so they would be stored but not counted: 2 plays.\n" in dry.out
    assert "   4  would be stored: new plays\n   1  would be completed: stored from Spotify's API" in dry.out


@pytest.mark.parametrize(
    "order",
    [
        ("pages", "first half", "whole"),
        ("first half", "whole", "pages"),
        ("whole", "first half", "pages"),
        ("pages", "whole", "first half"),
    ],
)
def test_an_invented_life_from_pages_and_exports_in_any_order_is_stored_once(importing, tmp_path, order):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)
    pages = [truth[start : start + 50] for start in range(0, len(truth) - 50, 60)]  # ten of sixty are never shown
    write_zip(tmp_path / "whole", truth, rows_per_file=100)
    (tmp_path / "first half").write_text(json.dumps(export_rows(truth[: len(truth) // 2])))

    for what in order:
        if what == "pages":
            for number, plays in enumerate(pages):
                importing.tell_page(plays, SINCE + timedelta(hours=number))
        else:
            assert importing.types("import", ONE, tmp_path / what).code == 0

    shown = {(play.played_at, play.track.id) for plays in pages for play in plays}
    rows = [row for row in importing.plays() if row["ms_played"] >= 30_000]
    stored = sorted((row["played_at"].replace(microsecond=0), row["track_id"], row["ms_played"]) for row in rows)
    assert stored == sorted((play.played_at.replace(microsecond=0), play.track.id, play.ms_played) for play in truth)
    assert {(row["played_at"], row["track_id"]) for row in rows if row["source"] == "api"} == shown
    again = importing.types("import", ONE, tmp_path / "whole", "--json").json
    assert (again["new"], again["completed"]) == (0, 0)


def test_a_page_that_is_under_way_while_an_import_looks_does_not_double_its_plays(importing, tmp_path, monkeypatch):
    """Ingest lands between the command's look at the warehouse and its own file; load takes one after the other."""
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:50]
    (tmp_path / "export.json").write_text(json.dumps([export_row(play) for play in truth]))
    look = comparison.compare

    def look_and_be_overtaken(*arguments):
        comparison = look(*arguments)
        importing.cloud.storage.write(importing.landing, "plays/2026/03/09/20260309T000000Z.csv", page(truth, UNTIL))
        return comparison

    monkeypatch.setattr(comparison, "compare", look_and_be_overtaken)
    result = importing.types("import", ONE, tmp_path / "export.json", "--json").json

    wait_for(lambda: len([step for step in importing.ledger() if step[0] == "load"]) == 2)
    assert len(importing.plays()) == len(truth)
    assert {row["ms_played"] is None for row in importing.plays()} == {False}
    assert result["new"] + result["completed"] == len(truth)


def test_a_play_of_a_trip_offline_that_two_exports_have_under_two_ids_is_that_of_the_page(importing, tmp_path):
    ts, began = datetime(2026, 11, 22, 15, tzinfo=UTC), datetime(2026, 11, 22, 10, tzinfo=UTC)
    listed = play(1, ONE, track=A, track_name="One", artist_name="Ada", artist_id="i", duration_ms=200_000)
    listed |= {"played_at": began + timedelta(seconds=200, milliseconds=300)}
    importing.stores(listed)
    for folder, track in (("old", B), ("new", A)):
        (tmp_path / folder).mkdir()
        row = {
            **{"ts": f"{ts:%Y-%m-%dT%H:%M:%SZ}", "ms_played": 200_000, "offline_timestamp": int(began.timestamp())},
            **{"spotify_track_uri": f"spotify:track:{track}", "master_metadata_track_name": "One"},
            "master_metadata_album_artist_name": "Ada",
        }
        (tmp_path / folder / "endsong_0.json").write_text(json.dumps([row]))
    assert importing.types("import", ONE, tmp_path / "old", tmp_path / "new", "--anyway").code == 0
    [row] = importing.plays()
    assert (row["source"], row["track_id"], row["ms_played"], row["reported_at"]) == ("api", A, 200_000, ts)


def test_a_file_of_any_name_is_recorded_and_a_folder_by_its_name(importing, tmp_path, monkeypatch):
    shutil.copy(NEW, tmp_path / os.fsdecode(b"caf\xe9.json"))
    assert importing.types("import", ONE, tmp_path / os.fsdecode(b"caf\xe9.json")).code == 0
    (tmp_path / "my_spotify_data").mkdir()
    shutil.copy(NEW, tmp_path / "my_spotify_data")
    monkeypatch.chdir(tmp_path / "my_spotify_data")
    assert importing.types("import", ONE, ".").code == 0
    files = [row["files"] for row in importing.types("imports", "--json").json]
    assert files == [["my_spotify_data"], ["caf?.json"]]


def test_addresses_and_user_names_go_nowhere(importing, tmp_path):
    private = ("192.0.2.1", "invented-listener-one", "invented-agent", "ZZ")
    rows = json.loads(OLD.read_text())
    spoilt = [rows[0] | {"ts": private[0], "user_agent_decrypted": private[2]}, rows[0] | {"ms_played": private[1]}]
    path = tmp_path / "history.json"
    path.write_text(json.dumps([*rows, *spoilt]))
    output = [importing.types("import", ONE, path), importing.types("import", ONE, path, "--json")]

    contents = [importing.cloud.storage.read(importing.landing, name).decode() for name in importing.landed()]
    everything = [*contents, *(text for each in output for text in (each.out, each.err)), str(importing.plays())]
    everything += [str(importing.rows("SELECT * FROM listening.runs")), importing.printed_by_load.getvalue()]
    assert importing.printed_by_load.getvalue()
    assert len(contents) == 1
    assert not [word for word in private for text in everything if word in text]


@pytest.mark.parametrize(
    "names",
    [("a.json", "b.json"), ("old/endsong_0.json", "new/endsong_0.json"), ("old/my_data.zip", "new/my_data.zip")],
)
def test_gaps_that_an_export_covers_are_closed_and_others_are_not(importing, tmp_path, names):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)
    for listener, start, end in ((ONE, 10, 40), (ONE, 200, 210), (TWO, 10, 40)):
        importing.add_gap(truth[start].played_at, truth[end].played_at, listener=listener)
    # Two packages of which each is whole; between them something is missing, even if they have the same name.
    files = [tmp_path / name for name in names]
    for file, part in zip(files, (truth[:150], truth[205:]), strict=True):
        write_export(file, part)
    assert "Would close 1 gap.\n" in importing.types("import", ONE, *files, "--dry-run").out
    assert len(importing.rows("SELECT * FROM listening.gaps")) == 3
    assert "Closed 1 gap.\n" in importing.types("import", ONE, *files).out
    left = importing.rows("SELECT listener_id, gap_start FROM listening.gaps ORDER BY listener_id")
    assert left == [
        {"listener_id": ONE, "gap_start": truth[200].played_at},
        {"listener_id": TWO, "gap_start": truth[10].played_at},
    ]
