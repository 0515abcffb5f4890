"""What an import does where its files leave something open: gaps, whose they are, values that cannot be."""

import json
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from cli.commands.import_history import landing
from tests.cli.harness import ONE
from tests.cli.import_history.harness import wait_for
from tests.cli.import_history.test_spotify_files import deep_folder
from tests.cli.test_runs import write_steps
from tests.load.harness import csv_of, play

pytestmark = pytest.mark.usefixtures("listener")

RUN = "20260303T000000Z"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def track(number):
    return f"{number:022d}"


def rows(numbers, apart=4, **changes):
    """The export's rows of tracks of these numbers, each played so many minutes after noon as its number says."""
    return [
        {
            "ts": f"{at(number * apart):%Y-%m-%dT%H:%M:%SZ}",
            "ms_played": 181_000,
            "master_metadata_track_name": f"Song {number}",
            "master_metadata_album_artist_name": "Ada",
            "master_metadata_album_album_name": "First",
            "spotify_track_uri": f"spotify:track:{track(number)}",
            **changes,
        }
        for number in numbers
    ]


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def store_from_api(importing, numbers):
    plays = [
        play(0, ONE, track=track(number), played_at=at(number * 4), track_name=f"Song {number}", run_id=RUN)
        for number in numbers
    ]
    importing.stores(*plays, name=f"plays/2026/03/03/{RUN}.csv")


def gaps(importing):
    """In minutes after noon."""
    found = importing.rows("SELECT gap_start, gap_end FROM listening.gaps ORDER BY gap_start")
    return [tuple((edge - NOON) / timedelta(minutes=1) for edge in row.values()) for row in found]


def test_files_without_one_play_are_an_answer_and_touch_no_gap(importing, tmp_path):
    importing.add_gap(at(100), at(200), run_id=RUN)
    episodes = {"spotify_track_uri": None, "episode_name": "Episode", "episode_show_name": "Show"}
    path = write(tmp_path / "Streaming_History_Video_2026.json", rows(range(60), **episodes))
    for options in ([], ["--dry-run"], ["--anyway"]):
        output = importing.types("import", ONE, path, *options)
        assert (output.code, output.out.splitlines()[2:]) == (
            0,
            ["  60  left out: podcast episode", "  60  in the files"],
        )
    empty = importing.types("import", ONE, write(tmp_path / "Streaming_History_Audio_2026_0.json", []), "--json")
    assert (empty.code, empty.json["rows"], empty.json["first_played_at"]) == (0, 0, None)
    linked = rows(range(3), spotify_track_uri=f"https://open.spotify.com/track/{track(1)}")
    output = importing.types("import", ONE, write(tmp_path / "linked.json", linked), "--dry-run")
    assert (output.code, "  3  left out: unreadable\n" in output.out) == (1, True)
    assert output.err.splitlines()[-1] == (
        "3 rows could not be read: row 0 of linked.json: spotify_track_uri is not that of a track. The other rows are "
        "accounted for. Give the files as Spotify sent them."
    )
    assert (gaps(importing), importing.landed()) == ([(100, 200)], [])


def test_a_play_that_is_stored_twice_is_in_an_export_only_where_that_has_it(importing, tmp_path):
    """Not because the other row is the same play. Where it has it, it has both."""
    store_from_api(importing, range(60))
    for track_id in ("one", "another"):
        importing.rows(
            f"INSERT INTO listening.plays SELECT * REPLACE ('{track_id}' AS track_id, 'Ada' AS artist_name) "
            f"FROM listening.plays WHERE track_id = '{track(10)}'"
        )
    importing.rows(f"DELETE FROM listening.plays WHERE track_id = '{track(10)}'")
    others = write(tmp_path / "others.json", rows(number for number in range(60) if number != 10))
    output = importing.types("import", ONE, others, "--dry-run", "--json")
    assert output.json["stored_but_not_in_export"] == 2
    whole = write(tmp_path / "whole.json", rows(range(60)))
    output = importing.types("import", ONE, whole, "--dry-run", "--json")
    assert output.json["stored_but_not_in_export"] == 0


def test_a_package_with_a_hole_closes_no_gap_in_it_and_once_it_is_whole_it_does(importing, tmp_path):
    shown, folder = [*range(26), *range(50, 76)], tmp_path / "MyData"
    store_from_api(importing, shown)
    importing.add_gap(at(100), at(200), run_id=RUN)
    write(folder / "endsong_0.json", rows(range(30)))
    broken = write(folder / "endsong_1.json", json.dumps(rows(range(30, 40)))[:-100])
    write(folder / "endsong_2.json", rows(range(40, 76)))

    dry = importing.types("import", ONE, folder, "--dry-run")
    output = importing.types("import", ONE, folder)
    assert (dry.code, output.code) == (1, 1)
    sentence = f"{broken} is not JSON, or only a part of it is there"
    assert f"1 file of the history could not be read to the end: {sentence}." in output.err
    assert f"Not read: {sentence}.\n" in output.out
    assert "Of the gap from 2026-03-02 13:40 to 2026-03-02 15:20 UTC, this stays open: 2026-03-02 14:" in output.out
    [(start, end)] = gaps(importing)
    # The last row of the broken file is lost: it ended 156 minutes after noon.
    assert 100 < start < 156 < end < 200
    assert len(importing.plays()) == 75

    broken.unlink()
    write(folder / "endsong_1 (1).json", rows(range(30, 40)))
    video = write(folder / "Streaming_History_Video_2026.json", "[{")
    output = importing.types("import", ONE, folder)
    assert (output.code, "so the files beside it close no gap.\n" in output.out) == (1, True)
    assert gaps(importing) == [(start, end)]

    video.unlink()
    (folder / "x").mkdir()
    with deep_folder(folder / "x") as unlisted:
        output = importing.types("import", ONE, folder)
    assert (output.code, f"Not read: {unlisted} cannot be read: File name too long.\n" in output.out) == (1, True)
    assert gaps(importing) == [(start, end)]

    output = importing.types("import", ONE, folder)
    assert (output.code, "Closed 1 gap.\n" in output.out) == (0, True)
    assert (gaps(importing), len(importing.plays())) == ([], 76)


def test_an_import_that_proves_nothing_asks_and_strangers_files_are_refused(importing, tmp_path, monkeypatch):
    store_from_api(importing, range(30))
    other_years = write(tmp_path / "2019.json", rows(range(30), ts="2019-05-01T10:00:00Z"))
    mine = write(tmp_path / "mine.json", [*rows(range(25)), *rows([99], ts="2031-05-05T00:00:00Z")])
    others = [row | {"spotify_track_uri": f"spotify:track:{track(500 + n)}"} for n, row in enumerate(rows(range(29)))]
    strange = write(tmp_path / "strange.json", others)
    consented = importing.owner.spotify.listeners[ONE].user_id
    named = write(tmp_path / "named.json", rows(range(3), ts="2018-05-01T10:00:00Z", username=consented))
    two = write(tmp_path / "two.json", rows(range(3), ts="2018-05-01T10:00:00Z", username="another-person"))

    doubt = f"Nothing proves that this is the export of {ONE}: it contains 0 of 30 stored plays."
    refused = importing.types("import", ONE, other_years)
    assert (refused.code, refused.out) == (1, "")
    assert f"{doubt} Nothing was stored. If it is the right one all the same, run the command again with --anyway." in (
        refused.err
    )
    dry = importing.types("import", ONE, other_years, "--dry-run")
    assert (dry.code, f"{doubt} The import will ask.\n" in dry.out) == (0, True)
    for answer, code in (("no\n", 1), ("yes\n", 0)):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True, readline=lambda answer=answer: answer))
        assert importing.types("import", ONE, other_years).code == code
    monkeypatch.undo()
    assert len(importing.plays()) == 60

    refused = importing.types("import", ONE, mine, strange)
    assert f"strange.json does not look like a file of {ONE}: of 28 plays in hours" in refused.err
    assert (refused.code, importing.types("import", ONE, named, two).code) == (1, 1)
    assert "The files are of 2 Spotify accounts." in importing.types("import", ONE, named, two).err
    assert "another-person" not in str(importing.types("import", ONE, named, two))
    assert len(importing.plays()) == 60

    result = importing.types("import", ONE, mine, "--json")
    assert (result.code, result.json["completed"], result.json["new"]) == (0, 25, 0)
    assert result.json["unreadable"] == [{"file": "mine.json", "index": 25, "reason": "ts lies in the future"}]
    assert importing.types("import", ONE, named, "--json").json["new"] == 3

    videos = rows(range(20), spotify_track_uri=f"spotify:track:{track(700)}", master_metadata_track_name="Video")
    path = write(tmp_path / "Streaming_History_Video_2026.json", [row | {"username": consented} for row in videos])
    result = importing.types("import", ONE, path, "--json")
    assert (result.code, result.json["new"], result.json["stored_but_not_in_export"]) == (0, 20, 0)


def test_a_file_that_names_another_account_than_the_one_that_consented_is_asked_about(importing, tmp_path):
    """Also where nothing is stored yet. Of a listener without a consent no account is known."""
    path = write(tmp_path / "endsong_0.json", rows(range(3), username="another-person"))
    refused = importing.types("import", ONE, path)
    sentence = f"the export of {ONE}: it contains 0 of 0 stored plays, and names another Spotify account. Nothing was"
    assert (refused.code, sentence in refused.err, importing.plays()) == (1, True, [])
    assert importing.types("import", "bo", path, "--new-listener", "--json").json["new"] == 3


def test_a_play_longer_than_any_track_is_stored_without_the_time_played_and_no_sum_overflows(importing, tmp_path):
    long = [rows([number], ms_played=ms)[0] for number, ms in enumerate([259_200_000, 2**63 - 1, 2**63 - 1, 10**30])]
    output = importing.types("import", ONE, write(tmp_path / "endsong.json", [*long, *rows([4])]))
    assert output.code == 0
    assert "Longer than any track lasts, so stored without the time played and not counted: 4 plays." in output.out
    assert importing.rows("SELECT COUNT(*) AS plays, SUM(ms_played) AS ms FROM listening.plays") == [
        {"plays": 5, "ms": 181_000}
    ]


def test_an_export_that_ends_before_the_first_page_leaves_a_gap_that_a_longer_one_closes(importing, tmp_path):
    store_from_api(importing, range(50, 60))
    short = write(tmp_path / "short.json", rows(range(30)))
    longer = write(tmp_path / "longer.json", rows(range(58)))
    inside = write(tmp_path / "inside.json", rows(range(10, 20)))
    opened = "a gap from 2026-03-02 13:56 to 2026-03-02 15:20 UTC: "

    dry = importing.types("import", ONE, short, "--dry-run", "--anyway")
    assert (dry.code, f"Would open {opened}" in dry.out, gaps(importing)) == (0, True, [])
    output = importing.types("import", ONE, short, "--anyway")
    assert (output.code, f"Opened {opened}" in output.out, gaps(importing)) == (0, True, [(116, 200)])
    for path in (short, inside):
        repeated = importing.types("import", ONE, path, "--anyway", "--json")
        assert (repeated.code, repeated.json["gap_opened"], gaps(importing)) == (0, None, [(116, 200)])

    closed = importing.types("import", ONE, longer)
    assert (closed.code, "Closed 1 gap.\n" in closed.out, gaps(importing)) == (0, True, [])
    assert importing.types("import", ONE, short, "--json", "--anyway").json["gap_opened"] is None
    imports = [row["import_id"] for row in importing.rows("SELECT import_id FROM listening.imports ORDER BY import_id")]
    assert importing.types("import", "--undo", imports[3]).code == 0
    assert gaps(importing) == [(116, 200)]
    assert importing.types("import", "--undo", imports[0]).code == 0
    assert (gaps(importing), importing.rows("SELECT * FROM listening.closed_gaps")) == ([], [])


def test_a_file_of_another_project_opens_a_gap_only_where_it_lacks_the_oldest_play_of_the_first_page(
    importing, tmp_path
):
    """Plays of the API up to that one: what ingest, too, takes as proof that none is missing."""
    store_from_api(importing, range(40, 60))
    whole, short = tmp_path / "whole.json", tmp_path / "short.json"
    assert importing.types("export", ONE, "--format", "json", "--output", whole).code == 0
    write(short, json.loads(whole.read_text())[:10])
    importing.rows("DELETE FROM listening.plays WHERE played_at < TIMESTAMP '2026-03-02 15:20:00+00'")

    opened = (
        "Would open a gap from 2026-03-02 15:16 to 2026-03-02 15:20 UTC: plays may be missing between the export and "
    )
    sentence = f"{opened}the first page of Spotify's API. A later export from Spotify closes it."
    assert sentence in importing.types("import", ONE, short, "--dry-run").out
    result = importing.types("import", ONE, whole, "--json").json
    assert (result["new"], result["gap_opened"], gaps(importing)) == (10, None, [])


def test_the_first_page_may_be_loaded_while_the_import_is_under_way(importing, tmp_path, monkeypatch):
    land = landing.LandingBucket.land

    def land_behind_the_first_page(*arguments):
        store_from_api(importing, range(50, 60))
        return land(*arguments)

    monkeypatch.setattr(landing.LandingBucket, "land", land_behind_the_first_page)
    output = importing.types("import", ONE, write(tmp_path / "endsong.json", rows(range(30))))
    assert (output.code, "Opened a gap from 2026-03-02 13:56" in output.out, gaps(importing)) == (0, True, [(116, 200)])


def test_the_first_page_may_be_landed_and_not_loaded_when_the_import_ends(importing, tmp_path):
    """No run of ingest sees that gap: the page of the next one overlaps this one, and load writes none."""
    run_id, loads = f"{datetime.now(UTC):%Y%m%dT%H0000Z}", importing.loads
    name = f"plays/{run_id[:4]}/{run_id[4:6]}/{run_id[6:8]}/{run_id}.csv"
    importing.loads = lambda headers, body: 503 if run_id in body.decode() else loads(headers, body)
    plays = [play(0, ONE, track=track(number), played_at=at(number * 4), run_id=run_id) for number in range(50, 60)]
    strangers = play(0, "bob", track=track(1), played_at=at(4), run_id=run_id)
    importing.cloud.storage.write(importing.landing, name, csv_of(strangers, *plays))
    write_steps(importing.owner, (run_id, "ingest", "succeeded", 0, 11, None))

    short, longer = (write(tmp_path / f"{count}.json", rows(range(count))) for count in (30, 58))
    dry = importing.types("import", ONE, short, "--anyway", "--dry-run")
    assert "Would open a gap from 2026-03-02 13:56 to 2026-03-02 15:20 UTC" in dry.out
    output = importing.types("import", ONE, short, "--anyway")
    assert (output.code, "Opened a gap from 2026-03-02 13:56" in output.out, gaps(importing)) == (0, True, [(116, 200)])
    importing.loads = loads
    wait_for(lambda: len(importing.plays()) == 41)
    assert importing.types("import", ONE, short, "--json").json["gap_opened"] is None
    assert (importing.types("import", ONE, longer).code, gaps(importing)) == (0, [])


def test_an_export_of_earlier_plays_has_its_gap_once_the_longer_one_is_taken_back(importing, tmp_path):
    store_from_api(importing, range(50, 60))
    later = write(tmp_path / "later.json", rows(range(20, 58)))
    earlier = write(tmp_path / "earlier.json", rows(range(10)))

    output = importing.types("import", ONE, later, "--json")
    assert (output.code, output.json["gap_opened"], output.json["gaps_closed"], gaps(importing)) == (0, None, 0, [])
    output = importing.types("import", ONE, earlier, "--json", "--anyway")
    assert (output.code, output.json["gap_opened"], gaps(importing)) == (0, None, [])
    [first, _] = importing.rows("SELECT import_id FROM listening.imports ORDER BY import_id")
    assert importing.types("import", "--undo", first["import_id"]).code == 0
    assert gaps(importing) == [(36, 200)]


def test_a_gap_that_ingest_recorded_before_the_first_stored_page_needs_a_play_inside(importing, tmp_path):
    store_from_api(importing, range(50, 60))
    importing.add_gap(at(100), at(200), run_id=RUN)
    path = write(tmp_path / "export.json", rows([*range(20, 26), *range(50, 58)]))
    assert importing.types("import", ONE, path).code == 0
    assert gaps(importing) == [(100, 200)]


def test_an_import_that_stops_half_way_leaves_a_gap_that_the_same_files_close(importing, tmp_path):
    store_from_api(importing, range(50, 60))
    path = write(tmp_path / "export.json", rows(range(20, 58)))
    loads, importing.loads = importing.loads, lambda headers, body: 503
    stopped = importing.types("import", ONE, path, "--timeout", "0")
    importing.loads = loads
    assert (stopped.code, gaps(importing)) == (1, [(196, 200)])
    assert "the import still waits for load to merge the plays. It goes on by itself" in stopped.err
    assert stopped.err.endswith("Gaps are closed only when the files are given again: do that once load is done.\n")
    output = importing.types("import", ONE, path)
    assert (output.code, "Closed 1 gap.\n" in output.out, gaps(importing)) == (0, True, [])
