"""The command `forget`: nothing of the listener is left, everything of the others is as it was."""

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import forget_rows
from cli.forget_objects import without
from tests.cli.importing import wait_for
from tests.cli.owning import ONE, TWO
from tests.cli.test_runs import write_steps
from tests.load.loading import csv_of, play

LANDED, ALONE, REFUSED = (f"plays/2026/11/22/20261122T{hour}0000Z.csv" for hour in (10, 11, 12))
ITEM = f"items/{ONE}/0123456789abcdef.json"
OTHERS_ITEM = f"items/{TWO}/0123456789abcdef.json"


class Typist(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def told(importing):
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
            "INSERT INTO listening.top_tracks (listener_id, period, rank, position, track_id, plays, minutes,"
            " first_played_at, last_played_at, as_of, computed_at, run_id) VALUES "
            f"('{slug}', 'all_time', 1, 1, 't', 2, 3.5, TIMESTAMP '2026-11-01', TIMESTAMP '2026-11-01',"
            " TIMESTAMP '2026-11-02', TIMESTAMP '2026-11-02', 'r')"
        )
    reason = f"no new plays from 1 of 2 listeners; {ONE}: consent was revoked, run `python -m cli authorize {ONE}`"
    write_steps(importing.owner, ("20261122T090000Z", "ingest", "skipped", 5, 0, reason))
    details = json.dumps({"listeners": {ONE: {"state": "failed"}, TWO: {"state": "nothing_new"}}})
    importing.rows(
        "MERGE listening.runs AS runs USING (SELECT 'ingest' AS step) AS entry ON runs.step = entry.step "
        f"WHEN MATCHED THEN UPDATE SET details = PARSE_JSON('{details}')"
    )
    return importing


def everything(importing):
    """All that is stored anywhere, as text."""
    texts = []
    for name in ("plays", "gaps", "top_tracks", "runs"):
        texts += [f"{name}: {row}" for row in importing.rows(f"SELECT * FROM listening.{name}")]
    for bucket in (importing.landing, importing.owner.environ["QUARANTINE_BUCKET"]):
        storage = importing.cloud.storage
        texts += [f"{name}: {storage.read(bucket, name).decode()}" for name in storage.names(bucket)]
    return texts


def test_everything_of_the_listener_is_gone_and_everything_of_the_other_is_as_it_was(told):
    plays = [row for row in told.plays() if row["listener_id"] == TWO]
    said = told.types("forget", ONE, "--yes")

    assert (said.code, said.out) == (
        0,
        "   what became of it\n"
        "1  versions of the refresh token destroyed\n"
        "3  plays deleted\n"
        "1  gaps deleted\n"
        "1  rows of the top ten deleted\n"
        "1  rows of the ledger reworded\n"
        "3  files deleted\n"
        "2  files rewritten without the listener's rows\n",
    )
    assert [text for text in everything(told) if ONE in text] == []
    assert told.plays() == plays
    storage, quarantine = told.cloud.storage, told.owner.environ["QUARANTINE_BUCKET"]
    assert storage.read(told.landing, LANDED) == csv_of(play(2, TWO, track_name="Vier"), play(4, TWO))
    assert storage.names(told.landing) == [LANDED]
    assert storage.names(quarantine) == [OTHERS_ITEM, f"{REFUSED}.g1"]
    assert storage.read(quarantine, f"{REFUSED}.g1") == csv_of(play(7, TWO))
    [row] = told.rows("SELECT reason, details FROM listening.runs WHERE step = 'ingest'")
    somebody = "a forgotten listener"
    assert row["reason"].endswith(f"{somebody}: consent was revoked, run `python -m cli authorize {somebody}`")
    assert row["details"] == {"listeners": {TWO: {"state": "nothing_new"}}}
    assert told.owner.secret(f"refresh-token-{TWO}")["refresh_token"]


def test_a_repeat_finds_nothing_and_the_rewritten_file_brings_nothing_back(told):
    told.types("forget", ONE, "--yes")
    before = everything(told)
    again = told.types("forget", ONE, "--yes", "--json")

    assert set(again.json.values()) == {ONE, 0}
    assert [text for text in everything(told) if not text.startswith("runs: ")] == [
        text for text in before if not text.startswith("runs: ")
    ]


def test_staging_tables_of_load_go_too(told):
    client = told.client()
    assert [table.table_id for table in client.list_tables("listening") if "staging" in table.table_id]
    told.types("forget", ONE, "--yes")
    rewritten = [table for table in client.list_tables("listening") if "staging" in table.table_id]
    for table in rewritten:  # of the event of the rewritten file
        rows = [dict(row) for row in client.list_rows(client.get_table(table.reference))]
        assert {row["listener_id"] for row in rows} <= {TWO}


def test_a_run_that_lands_meanwhile_is_seen_by_the_next_pass(told, monkeypatch):
    forget = forget_rows.forget
    passes = []

    def forget_and_be_overtaken(warehouse, listener):
        done = forget(warehouse, listener)
        passes.append(done)
        if len(passes) == 1:
            told.cloud.storage.write(told.landing, REFUSED, csv_of(play(8, ONE), play(9, TWO)))
            wait_for(lambda: len(told.plays()) == 4)
        return done

    monkeypatch.setattr(forget_rows, "forget", forget_and_be_overtaken)
    assert told.types("forget", ONE, "--yes").code == 0
    assert len(passes) == 3
    assert [text for text in everything(told) if ONE in text] == []


def test_it_asks_first_and_any_other_answer_changes_nothing(told, monkeypatch):
    before = everything(told)
    for answer in ("", "y\n", f"{TWO}\n"):
        monkeypatch.setattr(sys, "stdin", Typist(answer))
        said = told.types("forget", ONE)
        assert (said.code, said.out) == (1, "")
        assert f"this deletes the consent of {ONE}, 3 plays and all files" in said.err
        assert "That is not the name. Nothing was deleted." in said.err
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{ONE}\n"))
    assert told.types("forget", ONE).code == 2, "nobody at the terminal"
    assert everything(told) == before

    monkeypatch.setattr(sys, "stdin", Typist(f"{ONE}\n"))
    assert told.types("forget", ONE).code == 0
    assert [text for text in everything(told) if ONE in text] == []


def test_a_file_that_does_not_say_whose_its_rows_are_is_named(told):
    name = "plays/2026/11/22/20261122T130000Z.csv.g1"
    quarantine = told.owner.environ["QUARANTINE_BUCKET"]
    told.cloud.storage.write(quarantine, name, f"somebody,{ONE}\n1,2\n".encode())
    said = told.types("forget", ONE, "--yes")
    assert said.code == 1
    assert f"1 files name the listener and do not say whose their rows are: {name}." in said.err
    assert told.plays() == [row for row in told.plays() if row["listener_id"] == TWO]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("anna: consent was revoked", f"{forget_rows.SOMEBODY}: consent was revoked"),
        ("joanna, anna-two, anna_3: fine", None),
        ("joanna and anna", f"joanna and {forget_rows.SOMEBODY}"),
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
def test_a_file_that_cannot_be_told_apart_is_not_touched(content):
    with pytest.raises(ValueError, match=r"."):
        without(content, "ada")
