"""What goes wrong with the command `import`: refused files, stops, lost answers, taken slots, failing steps."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from cli.command_line import main
from cli.commands.import_history import landing
from cli.commands.import_history.reading.spotify_rows import ExportedPlay
from cli.commands.import_history.records import Import
from cli.commands.import_history.store_plays import Follower
from cli.place import on_laptop
from cli.warehouse import Warehouse
from localcloud.faults import Fault
from localcloud.spotify.data_export import write_zip
from tests.cli.harness import ONE, TWO
from tests.cli.import_history.harness import NEW, OLD, SINCE, UNTIL, A, wait_for
from tests.cli.test_runs import write_steps

pytestmark = pytest.mark.usefixtures("listener")


def add_play(importing, listener):
    columns = "listener_id, played_at, track_id, source, run_id, ingested_at"
    values = f"'{listener}', TIMESTAMP '2018-05-01 07:05:00', '{A}', 'api', 'r', TIMESTAMP '2018-05-01 08:00:00'"
    importing.rows(f"INSERT INTO listening.plays ({columns}) VALUES ({values})")


def test_a_command_stopped_half_way_is_given_again_and_lands_only_the_rest(importing, tmp_path, monkeypatch):
    monkeypatch.setattr(landing.cut, "__defaults__", (100,))
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)
    write_zip(tmp_path / "export.zip", truth)
    write = landing.LandingBucket._write
    calls, written = [], []

    def write_two(self, name, content):
        calls.append(name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        if is_new := write(self, name, content):  # not where another file has the name of the second
            written.append(name)
        return is_new

    monkeypatch.setattr(landing.LandingBucket, "_write", write_two)
    stopped = importing.types("import", ONE, tmp_path / "export.zip")
    assert (stopped.code, stopped.out, stopped.err.endswith("\n\nStopped.\n")) == (130, "", True)
    assert "Traceback" not in stopped.err
    assert len(importing.landed()) == 2
    wait_for(lambda: len([step for step in importing.ledger() if step[0] == "load"]) == 2)

    again = importing.types("import", ONE, tmp_path / "export.zip", "--json").json
    assert (again["known"] >= 200, again["completed"]) == (True, 0)
    assert len(written) == len(importing.landed()), "the two that were merged are not landed again"
    loads = [step for step in importing.ledger() if step[0] == "load"]
    assert sum(new for _, _, _, new in loads) == len(importing.plays())


def test_another_persons_export_is_refused_unless_the_owner_overrides_it(importing, tmp_path):
    mine, other = (importing.owner.spotify.truth(slug, SINCE, UNTIL) for slug in (ONE, TWO))
    write_zip(tmp_path / "mine.zip", mine)
    write_zip(tmp_path / "other.zip", other)
    assert importing.types("import", ONE, tmp_path / "mine.zip").code == 0
    count = len(importing.plays())
    refused = importing.types("import", ONE, tmp_path / "other.zip")

    assert (refused.code, refused.out, len(importing.plays())) == (1, "", count)
    assert f"This does not look like the export of {ONE}: it lacks " in refused.err
    assert "Nothing was stored." in refused.err
    assert importing.types("import", ONE, tmp_path / "other.zip", "--anyway").code == 0
    assert len(importing.plays()) > count


def test_an_unknown_name_is_refused_unless_it_is_confirmed(importing):
    refused = importing.types("import", "lisener-one", NEW)
    assert (refused.code, refused.out) == (2, "")
    assert "There is no listener lisener-one here. Known are: listener-one." in refused.err
    assert importing.types("import", "another-person", NEW, "--new-listener").code == 0
    stood = {row["listener"]: (row["state"], row["plays"]) for row in importing.types("listeners", "--json").json}
    assert stood["another-person"] == ("not_collected", 3)
    assert importing.types("import", "another-person", NEW).code == 0, "who has plays is known"
    assert {row["listener_id"] for row in importing.plays()} == {"another-person"}


def test_a_file_that_cannot_be_merged_is_reported_with_the_reason_and_the_next_step(importing):
    def refuse(headers, body):
        run_id = json.loads(body)["name"][-20:-4]
        write_steps(importing.owner, (run_id, "load", "failed", 1, None, "BigQuery refused the file: too old."))
        return 200

    importing.loads = refuse
    output = importing.types("import", ONE, NEW)
    assert (output.code, output.out) == (1, "")
    assert "Of 1 file, 1 could not be merged and 0 could: BigQuery refused the file: too old." in output.err
    assert "give the files again" in output.err


def test_plays_that_bigquery_refuses_are_counted_and_reported_and_close_no_gap(importing, tmp_path, monkeypatch):
    """Load merges the other plays of the file, and the ledger's row says both: succeeded, RowsRefused.

    Plays of another listener that are stored twice are mentioned all the same.
    """
    add_play(importing, TWO)
    add_play(importing, TWO)
    importing.add_gap("2018-05-01 07:00:00", "2018-05-01 07:08:00")
    before, around = json.loads(OLD.read_text()), ("06:58:00", "07:10:00")
    rows = [before[0] | {"ts": f"2018-05-01T{time}Z", "ms_played": 40_000} for time in around]
    old = tmp_path / OLD.name
    old.write_text(json.dumps(sorted([*before, *rows], key=lambda row: row["ts"])))
    whole = landing.to_csv

    def damaged(plays, run):
        return whole(plays, run).replace(b"2018-05-01T07:04:10.000Z", b"yesterday")

    monkeypatch.setattr(landing, "to_csv", damaged)
    output = importing.types("import", ONE, NEW, old)

    assert (output.code, output.out.splitlines()[:9]) == (
        1,
        [
            "rows  what became of them",
            "   6  stored: new plays",
            "   1  refused by BigQuery: in the quarantine bucket",
            "   1  more than once in the files",
            "   2  left out: podcast episode",
            "   1  left out: audiobook",
            "   1  left out: local file",
            "   1  left out: no track id",
            "  13  in the files",
        ],
    )
    assert "BigQuery refused 1 of the plays, so no gap was closed: Of 6 plays in the file 6 were new." in output.err
    assert "with the cause removed, give the files again" in output.err
    assert "Plays around these are stored twice, which loses nothing. To make one row of each, run " in output.err
    assert "closed" not in output.out
    assert "Played for less than 30 seconds, so not counted: 2 plays.\n" in output.out
    done = importing.types("import", ONE, NEW, old, "--json")
    numbers = done.json
    assert (done.code, numbers["new"], numbers["known"], numbers["refused"], numbers["gaps_closed"]) == (1, 0, 6, 1, 0)
    assert [(step["step"], step["error_class"]) for step in numbers["steps"]] == [("load", "RowsRefused")]
    assert len(importing.rows("SELECT * FROM listening.gaps")) == 1

    monkeypatch.setattr(landing, "to_csv", whole)
    repeated = importing.types("import", ONE, NEW, old)
    assert repeated.code == 0
    assert "   1  stored: new plays\n" in repeated.out
    assert "Closed 1 gap.\n" in repeated.out


@pytest.mark.parametrize("loads", [0, 1])
def test_an_import_whose_staged_plays_are_dropped_by_forget_says_so(importing, monkeypatch, loads):
    """`forget` empties the staging dataset before the plays are there, or before they are compared."""
    load = Warehouse._load

    def forget_another(self, *arguments):
        if loads:
            load(self, *arguments)
        main(["forget", TWO, "--yes", "--no-wait", "--laptop", str(importing.owner.directory)], {})
        if not loads:
            load(self, *arguments)

    add_play(importing, ONE)
    monkeypatch.setattr(Warehouse, "_load", forget_another)
    output = importing.types("import", ONE, OLD, "--anyway")
    assert (output.code, output.out.endswith("in the files\n"), importing.landed()) == (1, False, [])
    assert output.err.splitlines()[-1] == (
        "Another command, such as `forget`, has emptied the staging dataset meanwhile. Nothing was stored. Run the "
        "command again."
    )
    monkeypatch.setattr(Warehouse, "_load", load)
    assert importing.types("import", ONE, OLD, "--anyway").code == 0


def test_a_staging_table_whose_creation_is_not_answered_is_used_and_dropped(importing):
    add_play(importing, ONE)
    importing.cloud.faults.order(Fault("bigquery POST .*/tables$", action="drop", when="after"))
    done = importing.types("import", ONE, OLD, "--anyway", "--dry-run")
    assert (done.code, list(importing.client().list_tables("listening_staging"))) == (0, []), done.err


def test_plays_that_load_finds_stored_twice_are_mentioned_and_cost_neither_the_gap_nor_the_top_ten(importing, tmp_path):
    """Those of another listener: load counts them around its file. The file itself is merged as a whole."""
    importing.add_gap("2018-05-01 07:00:00", "2018-05-01 07:08:00")
    add_play(importing, TWO)
    add_play(importing, TWO)
    row = json.loads(OLD.read_text())[0]
    old = tmp_path / OLD.name
    old.write_text(json.dumps([row | {"ts": f"2018-05-01T{time}Z"} for time in ("06:58:00", "07:04:00", "07:10:00")]))
    output = importing.types("import", ONE, old)

    assert output.code == 0, output.err
    assert "Closed 1 gap.\n" in output.out
    assert "BigQuery refused" not in output.err
    assert "Plays around these are stored twice, which loses nothing. To make one row of each, run " in output.err
    assert importing.rows("SELECT * FROM listening.gaps") == []
    steps = importing.rows("SELECT step, error_class FROM listening.runs ORDER BY finished_at, step DESC")
    assert {step["step"]: step["error_class"] for step in steps} == {
        "import": None,
        "load": "PlaysDoubled",
        "transform": None,
    }


def test_a_step_that_has_succeeded_after_it_failed_fails_no_import(importing):
    """The message of a batch that was forbidden is delivered again."""

    def succeed_later(body):
        run_id = importing.landed()[0][-20:-4]
        steps = [
            ("transform", "succeeded", 2, None, "submitted"),
            ("transform", "failed", 1, None, "forbidden"),
            ("top_tracks", "succeeded", 3, None, "computed"),
        ]
        write_steps(importing.owner, *((run_id, *step) for step in steps))
        return 200

    importing.hears = succeed_later
    output = importing.types("import", ONE, NEW)
    assert (output.code, "was not computed" in output.err) == (0, False)


def test_a_top_ten_that_fails_is_reported_after_the_account_of_the_plays(importing):
    def fail(body):
        run_id = importing.landed()[0][-20:-4]
        steps = [("transform", "succeeded", 1, None, "submitted"), ("top_tracks", "failed", 2, None, "Out of memory.")]
        write_steps(importing.owner, *((run_id, *step) for step in steps))
        return 200

    importing.hears = fail
    output = importing.types("import", ONE, NEW)
    assert output.code == 1
    assert "   3  stored: new plays" in output.out
    assert (
        "The plays are stored, but the top ten was not computed: Out of memory. The next batch computes it. New plays "
        "start one, after two failures only once top_tracks_min_interval_minutes are over. To see when, run "
    ) in output.err


def test_plays_that_are_stored_are_accounted_for_also_where_the_top_ten_is_late(importing, monkeypatch):
    """Time is over as soon as the plays are merged."""
    finished = Follower.finished
    monkeypatch.setattr(Follower, "finished", lambda self: setattr(self, "_ends_at", 0) or finished(self))
    importing.hears = lambda body: 200
    output = importing.types("import", ONE, NEW, "--json")
    assert (output.code, output.json["new"]) == (1, 3)
    assert "the import still waits for transform_trigger to submit the Spark batch" in output.err
    assert "given again" not in output.err


def test_a_slot_that_is_taken_or_the_schedules_is_passed_over(importing):
    bucket = landing.LandingBucket(on_laptop(importing.owner.directory))
    noon = datetime(2026, 11, 22, 12, 0, 2, tzinfo=UTC)
    taken = "plays/2026/11/22/20261122T120001Z.csv"
    importing.cloud.storage.write(importing.landing, taken, b"another run's")
    plays = [ExportedPlay(SINCE, A, None, None, None, ms_played) for ms_played in (1, 2)]
    in_ledger = {"20261122T115958Z"}
    started = Import("20261122T120002Z", ONE)
    runs = [bucket.land([each], started, noon, noon, in_ledger) for each in plays]

    assert [run.run_id for run in runs] == ["20261122T115959Z", "20261122T115957Z"]
    assert importing.cloud.storage.read(importing.landing, taken) == b"another run's"
    assert [re.sub(r"\D", "", run.run_id)[-2:] != "00" for run in runs] == [True, True]


def test_what_is_landed_for_the_day_on_which_the_import_began_is_found(importing):
    """Slots lie two hours back: of an import around two o'clock they are of that day, before it of the day before."""
    place = on_laptop(importing.owner.directory)
    begun, days = datetime(2026, 11, 22, 1, 59, 57, tzinfo=UTC), []
    for number, seconds in enumerate((0, 8), start=1):
        started_at = begun + timedelta(seconds=seconds)
        played = [ExportedPlay(SINCE, A, None, None, None, number)]
        bucket, started = landing.LandingBucket(place), Import("20261122T015957Z", ONE)
        days.append(bucket.land(played, started, started_at, started_at - landing.SETTLED, ()).run_id)
    assert days == ["20261121T235956Z", "20261122T000004Z"]
    assert landing.LandedFiles(place, "20261122T015957Z", begun).run_ids == days


def test_no_file_has_more_days_than_one_statement_may_change_also_where_plays_go_on_and_on():
    """A play a day, then one every two hours, which is no pause; and one every two hours for more than ten years."""
    daily, on_and_on = (
        [ExportedPlay(SINCE + timedelta(hours=hours * n), A, None, None, None, 1) for n in numbers]
        for hours, numbers in ((24, range(-3400, 0)), (2, range(45_000)))
    )
    assert [len(file) for file in landing.cut([*daily, *on_and_on[:9000]])] == [3400, 9000]
    assert [len(file) for file in landing.cut(on_and_on)] == [42_001, 2_999]


def test_an_answer_that_is_lost_does_not_land_the_file_twice(importing):
    importing.cloud.faults.order(Fault("gcp POST /upload/.*", "drop", "after"))
    assert importing.types("import", ONE, NEW).code == 0
    assert len(importing.landed()) == 1
