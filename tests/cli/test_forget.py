"""The command `forget`: nothing of the listener is left, everything of the others is as it was.

How long it waits is measured by a clock of the tests' own, which stands still but while the command sleeps.
"""

import io
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import google_clients
from cli import waiting as forget_waiting
from cli.command_line import main
from cli.commands.forget import command as forget
from cli.commands.forget import files as forget_files
from cli.commands.forget import rows as forget_rows
from cli.commands.forget.files import without
from cli.place import Place, on_laptop
from tests.cli.harness import ONE, TWO, owning
from tests.cli.import_history.harness import wait_for
from tests.cli.test_run_now import submit_batch
from tests.cli.test_runs import write_steps
from tests.load.harness import csv_of, play

LANDED, ALONE, REFUSED = (f"plays/2026/11/22/20261122T{hour}0000Z.csv" for hour in (10, 11, 12))
ITEM = f"items/{ONE}/0123456789abcdef.json"
OTHERS_ITEM = f"items/{TWO}/0123456789abcdef.json"


class Typist(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self):
        return True


class Waiting:
    """Time, as the command waits. `at`: what happens when so many seconds have passed."""

    def __init__(self):
        self.seconds, self.at = 0.0, {}

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds
        for second in [second for second in self.at if second <= self.seconds]:
            self.at.pop(second)()


@pytest.fixture(autouse=True)
def waiting(monkeypatch):
    waiting = Waiting()
    monkeypatch.setattr(forget_waiting, "monotonic", waiting.monotonic)
    monkeypatch.setattr(forget_waiting, "sleep", waiting.sleep)
    return waiting


@pytest.fixture
def stored(importing):
    """Both listeners everywhere: consents, a file of both, one of each, a refused file, items, gaps, top tens."""
    for slug in (ONE, TWO):
        importing.owner.has_listener(slug)
    storage, quarantine = importing.cloud.storage, importing.owner.environ["QUARANTINE_BUCKET"]
    both = [play(1, ONE, track_name='One, "two"\nthree'), play(2, TWO, track_name="Vier"), play(3, ONE), play(4, TWO)]
    storage.write(importing.landing, LANDED, csv_of(*both))
    storage.write(importing.landing, ALONE, csv_of(play(5, ONE)))
    storage.write(quarantine, f"{REFUSED}.g1", csv_of(play(6, ONE, ms_played="x"), play(7, TWO)))
    storage.write(quarantine, f"{REFUSED}.g1.reason.json", json.dumps({"errors": [f"row {ONE}, x"]}).encode())
    for name in (ITEM, OTHERS_ITEM):
        storage.write(quarantine, name, b'{"item": {}}')
    wait_for(lambda: len(importing.plays()) == 5)
    for slug in (ONE, TWO):
        importing.rows(
            "INSERT INTO listening.gaps (listener_id, gap_start, gap_end, run_id, detected_at) VALUES "
            f"('{slug}', TIMESTAMP '2026-11-01', TIMESTAMP '2026-11-02', 'r', TIMESTAMP '2026-11-02')"
        )
        importing.rows(
            "INSERT INTO listening.closed_gaps (listener_id, gap_start, gap_end, run_id, detected_at, import_id) "
            f"VALUES ('{slug}', TIMESTAMP '2026-10-01', TIMESTAMP '2026-10-02', 'r', TIMESTAMP '2026-11-02', 'i{slug}')"
        )
        importing.rows(
            "INSERT INTO listening.imports (import_id, listener_id, started_at, files, rows_in) VALUES "
            f"('i{slug}', '{slug}', TIMESTAMP '2026-11-02', '[]', 0)"
        )
        write_batch_of(importing, slug)
    reason = f"no new plays from 1 of 2 listeners; {ONE}: consent was revoked, run `python -m cli authorize {ONE}`"
    write_steps(importing.owner, ("20261122T090000Z", "ingest", "skipped", 5, 0, reason))
    details = json.dumps({"listeners": {ONE: {"state": "failed"}, TWO: {"state": "nothing_new"}}})
    importing.rows(
        "MERGE listening.runs AS runs USING (SELECT 'ingest' AS step) AS entry ON runs.step = entry.step "
        f"WHEN MATCHED THEN UPDATE SET details = PARSE_JSON('{details}')"
    )
    return importing


def write_batch_of(importing, slug):
    """What a Spark batch leaves of a listener."""
    importing.rows(
        "INSERT INTO listening.tracks (listener_id, track_id, track_name, source, last_played_at, run_id) VALUES "
        f"('{slug}', 't', 'One', 'api', TIMESTAMP '2026-11-01', 'r')"
    )
    importing.rows(
        "INSERT INTO listening.top_tracks (listener_id, period, rank, position, track_id, plays, minutes,"
        " first_played_at, last_played_at, as_of, computed_at, run_id) VALUES "
        f"('{slug}', 'all_time', 1, 1, 't', 2, 3.5, TIMESTAMP '2026-11-01', TIMESTAMP '2026-11-01',"
        " TIMESTAMP '2026-11-02', TIMESTAMP '2026-11-02', 'r')"
    )


def test_a_track_that_no_other_has_played_leaves_the_catalogue(stored):
    [shared] = {row["track_id"] for row in stored.plays()}
    stored.cloud.storage.write(stored.landing, LANDED.replace("T10", "T13"), csv_of(play(9, ONE, track="only-hers")))
    wait_for(lambda: len(stored.plays()) == 6)
    stored.rows(f"INSERT INTO listening.catalogue (track_id) VALUES ('{shared}'), ('only-hers')")
    assert stored.types("forget", ONE, "--yes").code == 0
    assert {row["track_id"] for row in stored.rows("SELECT track_id FROM listening.catalogue")} == {shared}


def after_each_pass(monkeypatch, act):
    """`act` is given the number of the pass, from 1."""
    forget, passes = forget_rows.forget, []

    def forget_and_act(warehouse, listener):
        done = forget(warehouse, listener)
        passes.append(done)
        act(len(passes))
        return done

    monkeypatch.setattr(forget_rows, "forget", forget_and_act)
    return passes


def everything(importing):
    """All that is stored anywhere, as text."""
    texts = []
    for name in ("plays", "gaps", "closed_gaps", "imports", "tracks", "top_tracks", "runs"):
        texts += [f"{name}: {row}" for row in importing.rows(f"SELECT * FROM listening.{name}")]
    for bucket in (importing.landing, importing.owner.environ["QUARANTINE_BUCKET"]):
        storage = importing.cloud.storage
        texts += [f"{name}: {storage.read(bucket, name).decode()}" for name in storage.names(bucket)]
    return texts


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
        "until removed  Spotify: the consent. The listener removes it on https://www.spotify.com/account/apps/\n"
        "until removed  Spotify: name and e-mail address in the app's User Management. You remove them there\n"
        "until deleted  Your own files: exports, zips, copies of quarantined files, mails of alerts\n",
    )
    assert [text for text in everything(stored) if ONE in text] == []
    assert stored.plays() == plays
    storage, quarantine = stored.cloud.storage, stored.owner.environ["QUARANTINE_BUCKET"]
    assert storage.read(stored.landing, LANDED) == csv_of(play(2, TWO, track_name="Vier"), play(4, TWO))
    assert storage.names(stored.landing) == [LANDED]
    assert storage.names(quarantine) == [OTHERS_ITEM, f"{REFUSED}.g1"]
    assert storage.read(quarantine, f"{REFUSED}.g1") == csv_of(play(7, TWO))
    [row] = stored.rows("SELECT reason, details FROM listening.runs WHERE step = 'ingest'")
    forgotten = "a forgotten listener"
    assert row["reason"].endswith(f"{forgotten}: consent was revoked, run `python -m cli authorize {forgotten}`")
    assert row["details"] == {"listeners": {TWO: {"state": "nothing_new"}}}
    assert stored.owner.secret(f"refresh-token-{TWO}")["refresh_token"]


def test_a_repeat_finds_nothing_and_the_rewritten_file_brings_nothing_back(stored):
    stored.types("forget", ONE, "--yes")
    before = everything(stored)
    again = stored.types("forget", ONE, "--yes", "--json")

    counts = again.json
    remains = counts.pop("remains")
    assert set(counts.values()) == {ONE, 0}
    assert remains[0] == {"where": forget.REMAINS_ON_LAPTOP[0].where, "how_long": "until deleted"}
    assert [text for text in everything(stored) if not text.startswith("runs: ")] == [
        text for text in before if not text.startswith("runs: ")
    ]


def test_staging_tables_of_load_go_too(stored):
    client = stored.client()
    assert list(client.list_tables("listening_staging"))
    stored.types("forget", ONE, "--yes")
    rewritten = list(client.list_tables("listening_staging"))
    for table in rewritten:  # of the event of the rewritten file
        rows = [dict(row) for row in client.list_rows(client.get_table(table.reference))]
        assert {row["listener_id"] for row in rows} <= {TWO}


def test_a_run_that_lands_meanwhile_is_seen_by_the_next_pass(stored, monkeypatch):
    def land(number):
        if number == 1:
            stored.cloud.storage.write(stored.landing, REFUSED, csv_of(play(8, ONE), play(9, TWO)))
            wait_for(lambda: len(stored.plays()) == 4)

    passes = after_each_pass(monkeypatch, land)
    assert stored.types("forget", ONE, "--yes").code == 0
    assert len(passes) == 3
    assert [text for text in everything(stored) if ONE in text] == []


def test_a_token_that_ingest_has_rotated_meanwhile_is_destroyed_too(stored, waiting, monkeypatch):
    """Ingest's own code, with the token read before: Terraform's secrets stay, so there is a place to store it."""
    import listener_secrets as ingest_listeners

    client = google_clients.secret_manager(on_laptop(stored.owner.directory))
    secret = f"refresh-token-{ONE}"
    read = ingest_listeners.read_listener(
        client, ingest_listeners.ListenerSecret(ONE, f"projects/{stored.owner.project}/secrets/{secret}")
    )

    def rotate(number):
        if number == 1:
            ingest_listeners.store_refresh_token(client, read, "rotated")

    after_each_pass(monkeypatch, rotate)
    output = stored.types("forget", ONE, "--yes", laptop=False)

    assert stored.owner.versions(secret) == {1: "DESTROYED", 2: "DESTROYED"}
    assert (output.code, output.out.splitlines()[1]) == (0, "2  versions of the refresh token destroyed")
    # Another run may have read the rotated token until it was destroyed: 16 minutes, and 16 more.
    assert waiting.seconds == 1920


def test_what_a_run_lands_and_load_merges_in_its_last_minute_is_deleted_too(stored, waiting):
    """A run of ingest may take 15 minutes; it had the page before the consent was gone."""

    def land():
        stored.cloud.storage.write(stored.landing, REFUSED, csv_of(play(8, ONE), play(9, TWO)))
        wait_for(lambda: len(stored.plays()) == 4)

    waiting.at[890] = land
    output = stored.types("forget", ONE, "--yes", laptop=False)

    assert output.code == 0
    assert [text for text in everything(stored) if ONE in text] == []
    assert len(stored.plays()) == 3
    # 16 minutes for ingest; then the file is there, and a run of load that has read it may take ten more.
    assert waiting.seconds == 960 + 600
    assert "A run that began before shows only when it is over" in output.err


@pytest.mark.parametrize("is_running", [False, True])
def test_the_top_ten_of_a_batch_that_read_the_plays_before_is_deleted_too(stored, waiting, is_running):
    submit_batch(stored.owner, "top-tracks-before", "20261122t100000z")
    if is_running:
        stored.cloud.dataproc.start("top-tracks-before")

    def end():
        write_batch_of(stored, ONE)
        stored.cloud.dataproc.finish("top-tracks-before", "SUCCEEDED")

    waiting.at[1500] = end
    output = stored.types("forget", ONE, "--yes", laptop=False)

    assert (output.code, waiting.seconds) == (0, 1500)
    assert "2  rows of the list of tracks deleted\n" in output.out
    assert "2  rows of the top ten deleted\n" in output.out
    assert "… waiting for the Spark batch top-tracks-before to end" in output.err
    assert [text for text in everything(stored) if ONE in text] == []


def test_a_file_that_is_written_while_it_is_looked_at_is_looked_at_again(stored, monkeypatch):
    """Load is slow here: nothing but the file itself names the listener after the first pass."""
    stored.loads = lambda headers, body: 503
    storage, overtaken = stored.cloud.storage, []

    def land(number):
        if number == 1:
            storage.write(stored.landing, REFUSED, csv_of(play(8, ONE)))

    forget_in = forget_files._forget_in

    def forget_and_be_overtaken(listener, blob):
        if blob.name == REFUSED and not overtaken:
            overtaken.append(storage.write(stored.landing, REFUSED, csv_of(play(8, ONE), play(9, ONE))))
        return forget_in(listener, blob)

    passes = after_each_pass(monkeypatch, land)
    monkeypatch.setattr(forget_files, "_forget_in", forget_and_be_overtaken)
    assert stored.types("forget", ONE, "--yes").code == 0
    assert (len(overtaken), len(passes)) == (1, 4)
    assert REFUSED not in storage.names(stored.landing)


def test_on_the_laptop_where_a_run_takes_seconds_it_waits_for_seconds(stored, waiting):
    assert stored.types("forget", ONE, "--yes").code == 0
    assert waiting.seconds == 10


def test_without_waiting_the_command_says_when_to_run_it_again_and_is_done_then(stored, waiting, monkeypatch):
    submit_batch(stored.owner, "top-tracks-before", "20261122t100000z")
    first = stored.types("forget", ONE, "--yes", "--no-wait", laptop=False)
    assert (first.code, waiting.seconds) == (1, 0)
    assert "3  plays deleted\n" in first.out
    assert re.search(r"a run that began before may be under way until \d{4}-\d\d-\d\d \d\d:\d\d UTC, and", first.err)
    assert "the Spark batch top-tracks-before has not ended" in first.err
    assert f"After that, run `python -m cli forget {ONE}" in first.err
    stored.cloud.dataproc.finish("top-tracks-before", "SUCCEEDED")

    codes = {}
    for minutes in (15, 17):
        monkeypatch.setattr(Place, "now", lambda place, ago=timedelta(minutes=minutes): datetime.now(UTC) + ago)
        codes[minutes] = stored.types("forget", ONE, "--yes", "--no-wait", laptop=False).code
    assert codes == {15: 1, 17: 0}
    assert stored.types("forget", ONE, "--yes", laptop=False).code == 0
    assert waiting.seconds == 0, "Secret Manager shows when the consent was erased"


def test_what_comes_back_again_and_again_is_reported(stored, monkeypatch):
    after_each_pass(monkeypatch, lambda number: stored.owner.has_listener(ONE))
    output = stored.types("forget", ONE, "--yes")
    assert (output.code, output.out) == (1, "")
    assert f"Something of {ONE} comes back again and again" in output.err


def test_a_run_is_waited_for_as_long_as_terraform_lets_it_take():
    for name, seconds in vars(forget_waiting.CLOUD).items():
        text = (Path(__file__).parents[2] / f"terraform/{name}.tf").read_text()
        assert seconds == int(re.search(r"timeout_seconds = (\d+)", text)[1]) + 60


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


def test_a_file_that_does_not_say_whose_its_rows_are_is_named(stored):
    name = "plays/2026/11/22/20261122T130000Z.csv.g1"
    quarantine = stored.owner.environ["QUARANTINE_BUCKET"]
    stored.cloud.storage.write(quarantine, name, f"forgotten,{ONE}\n1,2\n".encode())
    output = stored.types("forget", ONE, "--yes")
    assert output.code == 1
    assert f"1 file with the listener's name could not be read as CSV: {name}." in output.err
    assert stored.plays() == [row for row in stored.plays() if row["listener_id"] == TWO]


def reason_of_load(*messages):
    """As load writes it."""
    from landed_object import LandedObject
    from load_errors import FileRefused
    from quarantine import reason_json

    landed = LandedObject("p-landing", REFUSED, 1)
    errors = [
        {"reason": "invalid", "location": landed.uri, "message": f"{message} File: {landed.uri}"}
        for message in messages
    ]
    return reason_json(landed, FileRefused(errors)).encode()


@pytest.mark.parametrize(
    ("listener", "reason", "stays"),
    [
        ("ana", reason_of_load("Could not parse 'x' as INT64; row: banana, ana-2, x"), True),
        ("plays", reason_of_load("Too many values in row"), True),
        ("run", reason_of_load("Too many values in row"), True),
        ("run_id", reason_of_load("Too many values in row"), True),
        ("ana", reason_of_load("Too many values in row", "row: ana,2026-11-22"), False),
        ("ana", reason_of_load('row: "Banana\nana",2026-11-22'), False),
        ("ana", b"banana was here", True),
        ("ana", b"ana was here", False),
        ("ana", b'["ana"]', False),
        ("ana", b"\xff ana", False),
    ],
)
def test_a_reason_goes_only_if_it_names_the_listener(importing, listener, reason, stays):
    quarantine = importing.owner.environ["QUARANTINE_BUCKET"]
    importing.cloud.storage.write(quarantine, f"{REFUSED}.g1.reason.json", reason)
    assert importing.types("forget", listener, "--yes").code == 0
    assert (importing.cloud.storage.names(quarantine) == [f"{REFUSED}.g1.reason.json"]) is stays


def test_a_file_that_only_seems_to_name_the_listener_is_not_reported(importing):
    quarantine, content = importing.owner.environ["QUARANTINE_BUCKET"], b"forgotten,banana\n1,2\n"
    importing.cloud.storage.write(quarantine, f"{REFUSED}.g1", content)
    assert importing.types("forget", "ana", "--yes").code == 0
    assert importing.cloud.storage.read(quarantine, f"{REFUSED}.g1") == content


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("anna: consent was revoked", f"{forget_rows.FORGOTTEN}: consent was revoked"),
        ("joanna, anna-two, anna_3: fine", None),
        ("joanna and anna", f"joanna and {forget_rows.FORGOTTEN}"),
        (None, None),
    ],
)
def test_only_the_whole_name_is_reworded(reason, expected):
    found = forget_rows.reworded({"reason": reason, "details": '{"listeners": {"joanna": {}}}'}, "anna")
    assert (found and found["reason"]) == expected


TEXT = st.none() | st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(['"', "a\nb", "a\r\nb", ",", ""])


@given(st.lists(st.tuples(st.sampled_from(["ada", "bob", "adam"]), TEXT, TEXT), max_size=8))
def test_what_stays_of_a_file_stays_to_the_byte(rows):
    plays = [play(number, slug, track_name=name, album_name=album) for number, (slug, name, album) in enumerate(rows)]
    others = [each for each in plays if each["listener_id"] != "ada"]
    assert without(csv_of(*plays), "ada") == (csv_of(*others), len(plays) - len(others), len(others))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b'listener_id\n"ada\n', "ü".encode("latin-1")])
def test_a_file_that_cannot_be_split_into_rows_is_not_touched(content):
    with pytest.raises(ValueError, match=r"."):
        without(content, "ada")


def test_on_the_laptop_no_byte_of_the_listeners_plays_stays_in_the_warehouse(tmp_path, monkeypatch):
    """What DuckDB only marks as deleted is looked for in the file itself, with the statements of the jobs beside it."""
    theirs, others = "6rqhFgbbKwnb9MLmUQDhG6", "4uLU6hMCjMI75M1A2tKUQC"
    with owning(tmp_path, monkeypatch, forgetful=False):
        client = google_clients.warehouse(on_laptop(tmp_path))
        for slug, track in ((ONE, theirs), (TWO, others)):
            client.query_and_wait(
                "INSERT INTO listening.plays (listener_id, played_at, track_id, source, run_id, ingested_at) VALUES "
                f"('{slug}', TIMESTAMP '2026-11-01', '{track}', 'api', 'r', TIMESTAMP '2026-11-02')"
            )
        assert main(["forget", ONE, "--yes", "--laptop", str(tmp_path)], {}) == 0
        [row] = client.query_and_wait("SELECT track_id FROM listening.plays")
        assert row["track_id"] == others
    content = b"".join(path.read_bytes() for path in tmp_path.glob("*.duckdb*"))
    assert (theirs.encode() in content, ONE.encode() in content, others.encode() in content) == (False, False, True)


def test_what_remains_is_printed_as_the_guide_and_terraform_have_it():
    page = (Path(__file__).parents[2] / "docs/security.md").read_text()
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in page.splitlines() if line[:1] == "|"]
    cloud, laptop = len(forget.REMAINS), len(forget.REMAINS_ON_LAPTOP)
    assert rows[-cloud - 2 - laptop : -2 - laptop] == forget.REMAINS
    assert rows[-laptop:] == forget.REMAINS_ON_LAPTOP
    warehouse = (Path(__file__).parents[2] / "terraform/warehouse.tf").read_text()
    assert re.search(r'max_time_travel_hours += "(\d+)"', warehouse)[1] + " hours" in dict(forget.REMAINS).values()
