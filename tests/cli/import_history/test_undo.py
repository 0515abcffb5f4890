"""`import --undo` and `imports`: what an import has brought goes, and the rest is as if it had never been there."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cli.commands.import_history import command, landing, undo
from cli.commands.import_history import gaps as import_gaps
from cli.commands.import_history.reading.spotify_rows import Manner
from cli.waiting import Longest
from cli.warehouse import Warehouse
from localcloud.faults import Fault
from tests.cli.harness import ONE
from tests.cli.import_history.harness import SINCE, UNTIL, wait_for, write_export

pytestmark = pytest.mark.usefixtures("listener")
FIRST_IMPORT = "20260310T120000Z"


def gaps(importing):
    rows = importing.rows("SELECT * FROM listening.gaps ORDER BY gap_start")
    return [(row["gap_start"], row["gap_end"]) for row in rows]


def everything(importing):
    tables = {"plays": "listener_id, played_at, track_id", "gaps": "gap_start", "closed_gaps": "gap_start"}
    return [importing.rows(f"SELECT * FROM listening.{name} ORDER BY {order}") for name, order in tables.items()]


def import_id_of(output):
    return output.err.partition("This is import ")[2].partition(".")[0]


def test_an_import_between_others_is_taken_back_exactly_and_no_event_brings_it_back(importing, tmp_path):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:60]
    importing.tell_page(truth[:10], UNTIL)
    importing.add_gap(truth[9].played_at, truth[50].played_at)
    first = write_export(tmp_path / "first.json", truth[20:30])
    assert importing.types("import", ONE, "--anyway", first).code == 0
    before = everything(importing)

    events, loads = [], importing.loads
    importing.loads = lambda headers, body: events.append((headers, body)) or loads(headers, body)
    whole = write_export(tmp_path / "whole.json", truth)
    output = importing.types("import", ONE, "--anyway", whole, "--json")
    brought = output.json
    assert (brought["completed"], brought["known"]) == (10, 10)
    assert brought["new"] == 40
    import_id = import_id_of(output)
    # The API lists five plays that only the import had brought, and later the same files are given again.
    importing.tell_page(truth[50:55], UNTIL + timedelta(hours=1))
    again = importing.types("import", ONE, "--anyway", whole)
    assert "  60  already there\n" in again.out

    assert "35 plays, 15 times played" in importing.types("imports", ONE).out
    stored = everything(importing)
    hint = importing.types("import", "--undo", import_id, "--dry-run").out
    assert hint.startswith("rows  what would become of them\n")
    assert "To store them, run in the folder of the files:\n" in hint
    dry = importing.types("import", "--undo", import_id, "--dry-run", "--json").json
    assert everything(importing) == stored
    undone = importing.types("import", "--undo", import_id, "--json").json
    assert dry == undone | {"dry_run": True}
    assert (undone["deleted"], undone["times_taken_back"], undone["gone_already"], undone["added"]) == (35, 15, 0, 50)
    assert [(later["known"], later["files"]) for later in undone["later_imports"]] == [(60, ["whole.json"])]

    plays, *others = everything(importing)
    assert others == before[1:]
    completed = [row for row in plays if row["run_id"] == f"{UNTIL + timedelta(hours=1):%Y%m%dT%H%M%SZ}"]
    assert [row for row in plays if row not in completed] == before[0]
    names = ("ms_played", "import_id", "ms_played_import_id", *Manner._fields)
    assert {(row["reason_end"], row["skipped"]) for row in stored[0]} == {("trackdone", False), ("fwdbtn", True)}
    assert [[row[name] for name in names] for row in completed] == [[None] * len(names)] * 5

    assert events
    for event in events:
        assert loads(*event) == 200
    repeated = importing.types("import", "--undo", import_id)
    assert (repeated.code, everything(importing)) == (0, [plays, *others])
    assert "  50  gone already\n" in repeated.out
    assert "top ten" not in repeated.out
    listed = {row["import_id"]: row for row in importing.types("imports", "--json").json}
    assert (listed[import_id]["state"], listed[import_id]["plays_left"]) == ("undone", 0)
    assert importing.types("import", ONE, "--anyway", whole, "--json").json["new"] == 35


def test_an_import_that_was_stopped_half_way_is_taken_back_and_its_unloaded_file_stores_nothing(
    importing, tmp_path, monkeypatch
):
    monkeypatch.setattr(undo, "LAPTOP", Longest(ingest=10, load=1))
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:40]
    importing.tell_page(truth[:10], UNTIL)
    before, loads, held = everything(importing), importing.loads, []

    def load_the_first(headers, body):
        held.append((headers, body))
        return loads(headers, body) if len(held) == 1 else 503

    importing.loads = load_the_first
    monkeypatch.setattr("cli.commands.import_history.command.cut", lambda plays: [plays[:20], plays[20:]])
    output = importing.types("import", ONE, "--anyway", write_export(tmp_path / "whole.json", truth), "--timeout", "1")
    assert output.code == 1
    wait_for(lambda: len(held) > 1 and len(importing.plays()) == 20)
    import_id = import_id_of(output)
    [listed] = importing.types("imports", "--json").json
    assert (listed["state"], listed["plays_left"], listed["times_left"]) == ("not finished", 10, 10)

    undone = importing.types("import", "--undo", import_id, "--json").json
    assert (undone["deleted"], undone["times_taken_back"], undone["added"]) == (10, 10, 20)
    importing.loads = loads
    wait_for(lambda: ("load", "failed", None, None) in importing.ledger())
    for event in (held[0], held[-1]):  # between them the second came again and again
        assert loads(*event) == 200
    assert everything(importing) == before
    assert [name for name in importing.landed() if "2026/03/09" not in name] == []


def test_an_undo_that_was_stopped_half_way_is_finished_by_the_next(importing, tmp_path, monkeypatch):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:20]
    import_id = import_id_of(importing.types("import", ONE, "--anyway", write_export(tmp_path / "a.json", truth)))
    with monkeypatch.context() as patch:
        patch.setattr(landing.LandedFiles, "delete", lambda files: (_ for _ in ()).throw(KeyboardInterrupt))
        assert importing.types("import", "--undo", import_id).code == 130
    assert importing.types("imports").out.splitlines()[1].split()[4:6] == ["half", "undone"]
    output = importing.types("import", "--undo", import_id)
    assert (output.code, importing.plays(), importing.landed()) == (0, [], [])
    assert ("undo", "succeeded", 0, 0) in importing.ledger()
    asked = "SELECT 1 FROM listening.runs AS runs JOIN listening.runs AS undo USING (run_id)"
    wait_for(lambda: importing.rows(f"{asked} WHERE undo.step = 'undo' AND runs.step = 'transform'"))
    assert (
        "A Spark batch recomputes the top ten: now, or with new plays once top_tracks_min_interval_minutes"
        in output.out
    )


def test_an_import_of_more_days_than_one_statement_may_change_is_taken_back_also_in_two_halves(
    importing, tmp_path, monkeypatch
):
    """A play a day, of which the API lists the last, on 4,001 days: BigQuery changes 4,000 at once."""
    [play] = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:1]
    days = [replace(play, played_at=play.played_at - timedelta(days=number)) for number in range(4001)]
    importing.tell_page([play], UNTIL)
    before = everything(importing)
    import_id = import_id_of(importing.types("import", ONE, "--anyway", write_export(tmp_path / "a.json", days)))
    assert (len(importing.plays()), importing.plays()[-1]["ms_played"]) == (4001, play.ms_played)

    run, statements = Warehouse.run, []

    def run_until_the_second(warehouse, name, *parameters, **names):
        statements.append(name)
        if statements.count("undo_plays") == 2:
            raise KeyboardInterrupt
        return run(warehouse, name, *parameters, **names)

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "run", run_until_the_second)
        assert importing.types("import", "--undo", import_id).code == 130
    oldest, *_, newest = importing.plays()
    assert (oldest["played_at"] > days[3501].played_at, newest["ms_played"]) == (True, play.ms_played)
    undone = importing.types("import", "--undo", import_id, "--json").json
    assert (undone["deleted"], undone["times_taken_back"], undone["gone_already"]) == (500, 1, 3500)
    assert everything(importing) == before


def test_a_gap_that_needed_plays_of_the_import_is_open_again_and_one_that_began_with_one_begins_earlier(
    importing, tmp_path
):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:60]
    importing.tell_page(truth[:10], UNTIL)
    import_id = import_id_of(
        importing.types("import", ONE, "--anyway", write_export(tmp_path / "a.json", truth[10:30]))
    )
    [newest] = importing.rows("SELECT MAX(played_at) AS at FROM listening.plays")
    importing.add_gap(newest["at"], truth[50].played_at)
    importing.add_gap(truth[12].played_at, truth[15].played_at, "closed_gaps", ", 'another import'")
    undone = importing.types("import", "--undo", import_id, "--json").json
    assert undone["gaps_open_again"] == 1
    [play] = importing.rows("SELECT MAX(played_at) AS at FROM listening.plays")
    assert play["at"] == truth[9].played_at
    # Both were noticed by one run in this test, and touch each other now.
    assert gaps(importing) == [(truth[9].played_at, truth[50].played_at)]


def test_a_gap_that_an_import_has_opened_goes_with_the_last_of_them(importing, tmp_path):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:60]
    importing.tell_page(truth[50:], UNTIL)
    first = import_id_of(importing.types("import", ONE, "--anyway", write_export(tmp_path / "a.json", truth[10:30])))
    second = import_id_of(importing.types("import", ONE, write_export(tmp_path / "b.json", truth)))
    assert gaps(importing) == []
    for import_id in (first, second):
        assert importing.types("import", "--undo", import_id).code == 0
    assert everything(importing)[1:] == [[], []]


def test_a_gap_with_plays_of_another_import_inside_begins_before_all_that_is_missing(importing, tmp_path):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:60]
    importing.tell_page(truth[:10], UNTIL)
    first = import_id_of(importing.types("import", ONE, "--anyway", write_export(tmp_path / "a.json", truth[10:30])))
    [newest] = importing.rows("SELECT MAX(played_at) AS at FROM listening.plays")
    importing.add_gap(newest["at"], truth[50].played_at)
    assert importing.types("import", ONE, "--anyway", write_export(tmp_path / "c.json", truth[40:43])).code == 0
    assert importing.types("import", "--undo", first).code == 0
    missing = [play.played_at for play in [*truth[10:40], *truth[43:50]]]
    assert [at for at in missing if not any(start < at <= end for start, end in gaps(importing))] == []


def test_an_import_that_is_undone_while_it_is_under_way_closes_no_gap(importing, tmp_path, monkeypatch):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:60]
    importing.tell_page(truth[:10], UNTIL)
    importing.tell_page(truth[50:], UNTIL + timedelta(hours=1))
    importing.add_gap(truth[9].played_at, truth[50].played_at)
    before, close = everything(importing), import_gaps.close

    def close_after_the_undo(warehouse, started, closings):
        assert closings
        assert importing.types("import", "--undo", started.import_id).code == 0
        close(warehouse, started, closings)

    monkeypatch.setattr(import_gaps, "close", close_after_the_undo)
    output = importing.types("import", ONE, write_export(tmp_path / "a.json", truth))
    assert (output.code, "was undone while it was under way. None of its plays stays." in output.err) == (1, True)
    assert everything(importing) == before


def test_an_import_whose_listener_is_forgotten_while_it_is_under_way_leaves_nothing(importing, tmp_path, monkeypatch):
    truth, store = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:60], command.store
    importing.tell_page(truth[:10], UNTIL)
    importing.tell_page(truth[50:], UNTIL + timedelta(hours=1))
    importing.add_gap(truth[9].played_at, truth[50].played_at)

    def store_after_forget(*arguments):
        assert importing.types("forget", ONE, "--yes", "--no-wait").code == 1
        return store(*arguments)

    monkeypatch.setattr(command, "store", store_after_forget)
    output = importing.types("import", ONE, write_export(tmp_path / "a.json", truth))
    sentence = f"{ONE} was forgotten while import "
    assert (output.code, sentence in output.err) == (1, True)
    assert (importing.plays(), gaps(importing), importing.rows("SELECT * FROM listening.closed_gaps")) == ([], [], [])


def test_gaps_that_lie_over_each_other_share_their_parts(importing, tmp_path):
    """A file that BigQuery refuses leaves one: the next run notices the same stretch, with what came since."""
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:60]
    importing.tell_page(truth[:10], UNTIL)
    importing.tell_page(truth[50:], UNTIL + timedelta(hours=1))
    importing.add_gap(truth[9].played_at, truth[40].played_at)
    importing.add_gap(truth[9].played_at, truth[50].played_at, run_id="s")
    inside = write_export(tmp_path / "a.json", truth[20:30])
    first = import_id_of(importing.types("import", ONE, "--anyway", inside))
    opened = sorted(gaps(importing))
    assert [start for start, _ in opened] == [truth[9].played_at, *[opened[-1][0]] * 2]
    assert [end for _, end in opened[1:]] == [truth[40].played_at, truth[50].played_at]
    second = import_id_of(importing.types("import", ONE, write_export(tmp_path / "b.json", truth)))
    assert gaps(importing) == []
    for import_id in (second, first):
        assert importing.types("import", "--undo", import_id).code == 0
    missing = [play.played_at for play in truth[10:50]]
    assert [at for at in missing if not any(start < at <= end for start, end in gaps(importing))] == []
    assert importing.rows("SELECT * FROM listening.closed_gaps") == []


def test_every_import_is_named_that_may_have_found_plays_of_it_stored(importing, tmp_path):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:20]
    importing.tell_page(truth[:10], UNTIL)
    own = tmp_path / "own.json"
    assert importing.types("export", ONE, "--format", "json", "--output", own).code == 0
    bob = ("import", "bob", "--new-listener", "--anyway")
    first = import_id_of(importing.types(*bob, own))
    history = write_export(tmp_path / "a.json", truth[:10])
    completed = import_id_of(importing.types(*bob, history))
    known = import_id_of(importing.types(*bob, history))
    # As of a command that began beside the first one.
    importing.rows(
        f"MERGE listening.imports USING (SELECT '{known}' AS import_id) AS one ON imports.import_id = one.import_id "
        "WHEN MATCHED THEN UPDATE SET started_at = TIMESTAMP '2026-01-01'"
    )
    undone = importing.types("import", "--undo", first, "--dry-run", "--json").json
    assert {other["import_id"]: other["known"] for other in undone["later_imports"]} == {completed: 10, known: 10}
    # As of a command whose time was over before load had merged its files.
    importing.rows(
        f"MERGE listening.imports USING (SELECT '{known}' AS import_id) AS one ON imports.import_id = one.import_id "
        "WHEN MATCHED THEN UPDATE SET finished_at = NULL, rows_new = NULL, rows_completed = NULL, rows_known = NULL"
    )
    undone = importing.types("import", "--undo", completed, "--dry-run", "--json").json
    assert {other["import_id"]: other["known"] for other in undone["later_imports"]} == {known: None}
    hint = f"Import {known} found an unknown number of plays already stored, perhaps these."
    assert hint in importing.types("import", "--undo", completed, "--dry-run").out


def test_a_play_of_which_the_import_had_another_time_played_is_one_row_again(importing, tmp_path):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:5]
    importing.tell_page(truth, UNTIL)
    wrong = write_export(tmp_path / "wrong.json", truth, ms_played=31_000)
    import_id = import_id_of(importing.types("import", ONE, "--anyway", wrong))
    right = write_export(tmp_path / "right.json", truth)
    importing.rows(
        "INSERT INTO listening.plays (listener_id, played_at, track_id, source, run_id, ingested_at) "
        "SELECT 'bob', played_at, track_id, source, run_id, ingested_at FROM listening.plays WHERE source = 'api' "
        "UNION ALL SELECT 'bob', TIMESTAMP_ADD(played_at, INTERVAL 5 SECOND), track_id, 'export', run_id, ingested_at "
        "FROM listening.plays WHERE source = 'api'"
    )
    bobs = [row for row in importing.plays() if row["listener_id"] == "bob"]
    assert importing.types("import", ONE, "--anyway", right, "--json").json["new"] == 5
    assert importing.types("import", "--undo", import_id, "--json").json["rejoined"] == 5
    rows = [row for row in importing.plays() if row["listener_id"] == ONE]
    assert [row for row in importing.plays() if row["listener_id"] == "bob"] == bobs
    assert [row["ms_played"] for row in rows] == [play.ms_played for play in truth]
    assert {(row["source"], row["import_id"]) for row in rows} == {("api", None)}


@pytest.mark.parametrize("landed", [0, 4])
def test_an_undo_of_an_import_that_changed_nothing_starts_no_batch(importing, tmp_path, monkeypatch, landed):
    """It had no play to land, or load has not merged those that it landed."""
    monkeypatch.setattr(undo, "LAPTOP", Longest(ingest=10, load=0))
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)
    importing.types("import", ONE, write_export(tmp_path / "a.json", truth[:12]))
    importing.loads = lambda headers, body: 503
    path = write_export(tmp_path / "b.json", truth[: 12 + landed])
    import_id = import_id_of(importing.types("import", ONE, path, "--timeout", "0"))
    output = importing.types("import", "--undo", import_id)
    assert (f"Import {import_id} of {ONE} is undone." in output.out, "batch" in output.out) == (True, False)
    assert not [row for row in importing.ledger() if row[0] == "undo"]
    assert "undone" in importing.types("imports", ONE).out.splitlines()[1]


def test_an_undo_sends_its_message_again_where_pubsub_has_too_many_requests(importing, tmp_path):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:12]
    import_id = import_id_of(importing.types("import", ONE, write_export(tmp_path / "a.json", truth)))
    importing.cloud.faults.order(Fault("gcp POST .*:publish", status=429))
    output = importing.types("import", "--undo", import_id)
    assert (output.code, f"Import {import_id} of {ONE} is undone." in output.out) == (0, True)


def test_what_cannot_be_meant_is_said(importing, tmp_path):
    assert importing.types("imports").out.startswith("No import yet.")
    unknown = importing.types("import", "--undo", FIRST_IMPORT)
    assert (unknown.code, unknown.err.partition(" here.")[0]) == (2, f"There is no import {FIRST_IMPORT}")
    for more in ([ONE], ["--anyway"], ["--new-listener"], ["--timeout", "1800"]):
        beside = importing.types("import", *more, "--undo", FIRST_IMPORT)
        assert (beside.code, "--undo takes neither LISTENER nor FILE" in beside.err) == (2, True)
    assert "There is no import  here." in importing.types("import", "--undo", "").err
    assert importing.types("imports", "bob").out.startswith("No import of bob yet.")
    never = importing.types("import", ONE, "a.json", "--timeout", "nan")
    assert (never.code, "nan is not a number of seconds" in never.err) == (2, True)
    assert importing.types("import", ONE).code == 2


def test_a_repeated_undo_that_makes_one_play_of_two_keys_starts_a_batch(importing, tmp_path):
    truth = importing.owner.spotify.truth(ONE, SINCE, UNTIL)[:1]
    importing.tell_page(truth, UNTIL)
    import_id = import_id_of(importing.types("import", ONE, "--anyway", write_export(tmp_path / "a.json", truth)))
    importing.types("import", "--undo", import_id)
    importing.rows(
        "INSERT INTO listening.plays (listener_id, played_at, track_id, track_name, source, ms_played, run_id, "
        "ingested_at) SELECT listener_id, TIMESTAMP_ADD(played_at, INTERVAL 5 SECOND), track_id, track_name, 'export', "
        "200000, run_id, ingested_at FROM listening.plays WHERE TRUE"
    )
    assert importing.types("import", "--undo", import_id, "--json").json["rejoined"] == 1
    undone = [row for row in importing.ledger() if row[0] == "undo"]
    assert undone == [("undo", "succeeded", 1, 1), ("undo", "succeeded", 0, 0)]
