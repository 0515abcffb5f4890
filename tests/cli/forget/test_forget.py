"""The command `forget`: nothing of the listener is left, everything of the others is as it was."""

import io
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import failures
from cli import google_clients
from cli.command_line import main
from cli.commands.forget import command as forget
from cli.commands.forget import rows as forget_rows
from cli.place import on_laptop
from tests.cli.forget.harness import ITEM, LANDED, OTHERS_ITEM, REFUSED, after_each_pass, everything
from tests.cli.harness import ONE, TWO, owning
from tests.load.harness import csv_of, play
from tests.seed import seed


class Typist(io.StringIO):
    """A standard input that is a terminal."""

    def isatty(self):
        return True


def test_a_track_that_no_other_has_played_leaves_the_catalogue(stored):
    [shared] = {row["track_id"] for row in stored.plays()}
    stored.stores(play(9, ONE, track="only-hers"), name=LANDED.replace("T10", "T13"))
    stored.rows(f"INSERT INTO listening.catalogue (track_id) VALUES ('{shared}'), ('only-hers')")
    assert stored.types("forget", ONE, "--yes").code == 0
    assert {row["track_id"] for row in stored.rows("SELECT track_id FROM listening.catalogue")} == {shared}


def test_plays_of_more_days_than_one_statement_may_change_are_gone_and_those_beside_them_stay(stored, monkeypatch):
    """A play a day of the one, and of the other on the first and the last day; the figures are a hundredth."""
    monkeypatch.setattr("localcloud.gcp.bigquery.query._MOST_PARTITIONS", 40)
    monkeypatch.setattr("cli.warehouse.MOST_DAYS", timedelta(days=35))
    days = [datetime(2026, 9, 20, tzinfo=UTC) + timedelta(days=number) for number in range(77)]
    same = {"track_id": "t", "source": "export", "run_id": "r"}
    played = [(ONE, day) for day in days] + [(TWO, days[0]), (TWO, days[-1])]
    rows = [{"listener_id": who, "played_at": at, "ingested_at": at, **same} for who, at in played]
    seed(stored.cloud, "plays", rows)
    plays = [row for row in stored.plays() if row["listener_id"] == TWO]
    assert (plays[0]["played_at"], plays[-1]["played_at"]) == (days[0], days[-1])
    assert stored.types("forget", ONE, "--yes", "--json").json["plays"] == 80
    assert stored.plays() == plays


def test_everything_of_the_listener_is_gone_and_everything_of_the_other_is_as_it_was(stored):
    plays = [row for row in stored.plays() if row["listener_id"] == TWO]
    output = stored.types("forget", ONE, "--yes")

    assert (output.code, output.out) == (
        0,
        "   what became of it\n"
        "1  versions of the refresh token destroyed\n"
        "3  plays deleted\n"
        "1  gaps deleted\n"
        "1  closed gaps deleted\n"
        "1  rows of the list of imports deleted\n"
        "1  rows of the list of tracks deleted\n"
        "1  rows of the top ten deleted\n"
        "1  rows of the ledger reworded\n"
        "3  files deleted\n"
        "2  files rewritten without the listener's rows\n"
        "\nWhat remains, where and for how long:\n\n"
        "how long       where\n"
        "until deleted  Logs below the laptop cloud's folder: the listener's name, no plays\n"
        "until it ends  The dashboard's memory: plays that it has read\n"
        "until removed  Spotify: the consent. The listener removes it on https://www.spotify.com/account/apps/\n"
        "until removed  Spotify: name and e-mail address in the app's User Management. You remove them there\n"
        "until deleted  Your own files: exports, zips, copies of quarantined files, mails of alerts\n",
    )
    assert [text for text in everything(stored) if ONE in text] == []
    assert stored.plays() == plays
    storage, quarantine = stored.cloud.storage, stored.quarantine
    assert storage.read(stored.landing, LANDED) == csv_of(play(2, TWO, track_name="Vier"), play(4, TWO))
    assert storage.names(stored.landing) == [LANDED]
    assert storage.names(quarantine) == [OTHERS_ITEM, f"{REFUSED}.g1"]
    assert storage.read(quarantine, f"{REFUSED}.g1") == csv_of(play(7, TWO))
    [row] = stored.rows("SELECT reason, details FROM listening.runs WHERE step = 'ingest'")
    forgotten = "a forgotten listener"
    assert row["reason"].endswith(f"{forgotten}: consent was revoked, run `python -m cli authorize {forgotten}`")
    assert row["details"] == {"listeners": {TWO: {"state": "nothing_new"}}}
    assert stored.owner.secret(f"refresh-token-{TWO}")["refresh_token"]


@pytest.mark.parametrize("lost", ["app", "kind", "listener"])
def test_a_token_goes_whose_secret_has_lost_a_label_and_anothers_of_that_name_stays(importing, lost):
    labels = {"app": "heavy-rotation", "kind": "refresh-token", "listener": ONE}
    for listener in (ONE, "zoe"):
        importing.owner.store(f"refresh-token-{listener}", {}, {name: labels[name] for name in labels.keys() - {lost}})
    importing.owner.store(f"refresh-token-{TWO}", {}, labels | {"listener": "anna"})

    output = importing.types("forget", ONE, "--yes", laptop=False)
    assert output.out.startswith("   what became of it\n1  versions of the refresh token destroyed\n")
    assert f"Take {ONE} out of terraform.tfvars" in output.out
    assert importing.types("forget", TWO, "--yes", "--json", laptop=False).json["versions"] == 0


def test_a_repeat_finds_nothing_and_the_rewritten_file_brings_nothing_back(stored):
    stored.types("forget", ONE, "--yes")
    before = everything(stored)
    again = stored.types("forget", ONE, "--yes", "--json")
    assert f"Nothing of {ONE} was found. Known are: {TWO}.\n" in again.err

    counts = again.json
    remains = counts.pop("remains")
    assert set(counts.values()) == {ONE, 0}
    assert remains[0] == {"where": forget.REMAINS_ON_LAPTOP[0].where, "how_long": "until deleted"}
    assert [text for text in everything(stored) if not text.startswith("runs: ")] == [
        text for text in before if not text.startswith("runs: ")
    ]


def test_a_misspelt_name_is_said_with_those_that_are_known(stored, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Typist("listener-won\n"))
    output = stored.types("forget", "listener-won")
    known = f"Nothing of listener-won was found. Known are: {ONE}, {TWO}.\n"
    assert (output.code, output.err.startswith(known), output.err.count(known)) == (0, True, 2)


def test_staging_tables_of_load_go_too(stored):
    client = stored.client()
    assert list(client.list_tables("listening_staging"))
    stored.types("forget", ONE, "--yes")
    rewritten = list(client.list_tables("listening_staging"))
    for table in rewritten:  # of the event of the rewritten file
        rows = [dict(row) for row in client.list_rows(client.get_table(table.reference))]
        assert {row["listener_id"] for row in rows} <= {TWO}


def test_what_comes_back_again_and_again_is_reported(stored, monkeypatch):
    after_each_pass(monkeypatch, lambda number: stored.owner.has_listener(ONE))
    output = stored.types("forget", ONE, "--yes")
    assert (output.code, output.out) == (1, "")
    assert f"Something of {ONE} comes back again and again" in output.err


def test_it_asks_first_and_any_other_answer_changes_nothing(stored, monkeypatch):
    before = everything(stored)
    for answer in ("", "y\n", f"{TWO}\n"):
        monkeypatch.setattr(sys, "stdin", Typist(answer))
        output = stored.types("forget", ONE)
        assert (output.code, output.out) == (1, "")
        assert f"this deletes the consent of {ONE}, 3 plays and all files" in output.err
        assert "That is not the name. Nothing was deleted." in output.err
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ONE}\n"))
    assert stored.types("forget", ONE).code == 2, "no person at the terminal"
    assert everything(stored) == before

    monkeypatch.setattr(sys, "stdin", Typist(f"{ONE}\n"))
    assert stored.types("forget", ONE).code == 0
    assert [text for text in everything(stored) if ONE in text] == []


@pytest.mark.parametrize(
    ("step", "reason", "expected"),
    [
        ("ingest", "anna: consent was revoked", "{}: consent was revoked"),
        ("ingest", "1 new play; joanna, anna-two, anna_3: fine", None),
        ("ingest", "1 new play; joanna, anna, bo: fine", "1 new play; joanna, {}, bo: fine"),
        ("ingest", "1 new play; anna, bo: fine", "1 new play; {}, bo: fine"),
        ("ingest", "secret refresh-token-anna, run `authorize anna`", "secret refresh-token-{}, run `authorize {}`"),
        ("ingest", "secret refresh-token-anna-two, run `authorize anna-two`", None),
        ("ingest", "anna: the secret anna is not JSON", "{}: the secret {} is not JSON"),
        ("ingest", "the label listener=anna, correct it", "the label listener={}, correct it"),
        ("import", "Export of anna: 3 plays, landed.", "Export of {}: 3 plays, landed."),
        ("undo", "Import 20261122T100000Z of anna was undone.", "Import 20261122T100000Z of {} was undone."),
        ("load", "BigQuery refused the file: Bad anna | row anna,x", "BigQuery refused the file: Bad {} | row {},x"),
        ("top_tracks", "Batch top-tracks-1 failed: no anna", "Batch top-tracks-1 failed: no {}"),
        ("load", None, None),
    ],
)
def test_the_whole_name_is_reworded_where_it_is_one(step, reason, expected):
    found = forget_rows.reworded({"step": step, "reason": reason, "details": '{"listeners": {"joanna": {}}}'}, "anna")
    assert (found and found["reason"]) == (expected and expected.format(*2 * [forget_rows.FORGOTTEN]))


def test_a_secret_without_labels_is_forgotten_in_the_details_too():
    details = json.dumps({"listeners": {"secrets/refresh-token-anna": {}, "secrets/refresh-token-joanna": {}}})
    found = forget_rows.reworded({"step": "ingest", "reason": None, "details": details}, "anna")
    assert json.loads(found["details"]) == {"listeners": {"secrets/refresh-token-joanna": {}}}


def failed(listener_id):
    """What ingest's reasons say of a listener, one for each class of failure."""
    for failure in (*failures.Failure.__subclasses__(), failures.QuotaExceeded):
        rate_limited = issubclass(failure, failures.RateLimited)
        what = 60 if rate_limited else f"the secret refresh-token-{listener_id} is not JSON"
        yield f"2 new plays from 1 of 3 listeners; ada, {listener_id}: {failure(what).explain(listener_id)}"


OTHERS = [
    *(("ingest", reason) for reason in failed("zoe")),
    ("ingest", "no new plays from 1 of 1 listeners; 1 item could not be read, see the quarantine bucket"),
    ("import", "Export of zoe: 3 plays, landed."),
    ("undo", "Import 20261122T100000Z of zoe was undone, with 3 plays."),
    ("load", "Of 3 plays in the file 2 were new and 1 completed a stored play."),
    ("load", "Values out of bounds became NULL: energy (3), tempo (1)."),
    ("top_tracks", "Plays read: 1,234, rows of the top ten: 30, listeners: 3."),
]
WORDS = {word for _, reason in OTHERS for word in re.findall("[a-z0-9][a-z0-9_-]*", reason)}


def test_a_listener_whose_name_is_a_word_changes_no_sentence_about_others():
    rows = [{"step": step, "reason": reason, "details": None} for step, reason in OTHERS]
    names = WORDS - {"ada", "zoe", "token-zoe", "refresh-token-zoe"}
    assert {"may", "plays", "listeners", "new"} < names
    assert [(name, row) for name in names for row in rows if forget_rows.reworded(row, name)] == []


@pytest.mark.parametrize("before", list(failed("may")))
def test_of_a_listener_whose_name_is_a_word_no_name_stays(before):
    """The sentence on Premium is the one that has the word."""
    after = forget_rows.reworded({"step": "ingest", "reason": before, "details": None}, "may")["reason"]
    kept = "Spotify may take some hours"
    assert after.replace(kept, "") == before.replace(kept, "").replace("may", forget_rows.FORGOTTEN)
    assert (kept in after) == (kept in before)


def test_on_the_laptop_no_byte_of_the_listeners_plays_or_files_stays_beside_them(tmp_path, monkeypatch):
    """What DuckDB only marks as deleted is looked for in the file itself, with the statements of the jobs beside it."""
    theirs, others = "6rqhFgbbKwnb9MLmUQDhG6", "4uLU6hMCjMI75M1A2tKUQC"
    with owning(tmp_path, monkeypatch, forgetful=False):
        client = google_clients.warehouse(on_laptop(tmp_path))
        for slug, track in ((ONE, theirs), (TWO, others)):
            client.query_and_wait(
                "INSERT INTO listening.plays (listener_id, played_at, track_id, source, run_id, ingested_at) VALUES "
                f"('{slug}', TIMESTAMP '2026-11-01', '{track}', 'api', 'r', TIMESTAMP '2026-11-02')"
            )
        _, quarantine = google_clients.landing_and_quarantine(on_laptop(tmp_path))
        for item in (ITEM, OTHERS_ITEM):
            quarantine.blob(item).upload_from_string("{}")
        assert main(["forget", ONE, "--yes", "--laptop", str(tmp_path)], {}) == 0
        state = b"".join(path.read_bytes() for path in tmp_path.glob("state.sqlite*"))
        assert (ITEM.encode() in state, OTHERS_ITEM.encode() in state) == (False, True)
        [row] = client.query_and_wait("SELECT track_id FROM listening.plays")
        assert row["track_id"] == others
    content = b"".join(path.read_bytes() for path in tmp_path.glob("*.duckdb*"))
    assert (theirs.encode() in content, ONE.encode() in content, others.encode() in content) == (False, False, True)


def test_what_remains_is_printed_as_the_guide_and_terraform_have_it():
    page = (Path(__file__).parents[3] / "docs/security.md").read_text()
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in page.splitlines() if line[:1] == "|"]
    cloud, laptop = len(forget.REMAINS), len(forget.REMAINS_ON_LAPTOP)
    assert rows[-cloud - 2 - laptop : -2 - laptop] == forget.REMAINS
    assert rows[-laptop:] == forget.REMAINS_ON_LAPTOP
    warehouse = (Path(__file__).parents[3] / "terraform/warehouse.tf").read_text()
    assert re.search(r'max_time_travel_hours += "(\d+)"', warehouse)[1] + " hours" in dict(forget.REMAINS).values()
