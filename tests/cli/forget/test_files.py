"""Of files `forget` deletes the rows of the listener, and what names it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.commands.forget.files import without
from landed_object import LandedObject
from load_errors import FileRefused
from quarantine import reason_json
from tests.cli.forget.harness import REFUSED
from tests.cli.harness import ONE, TWO
from tests.load.harness import csv_of, play


def test_a_file_that_does_not_say_whose_its_rows_are_is_named(stored):
    name = "plays/2026/11/22/20261122T130000Z.csv.g1"
    stored.cloud.storage.write(stored.quarantine, name, f"forgotten,{ONE}\n1,2\n".encode())
    output = stored.types("forget", ONE, "--yes")
    assert output.code == 1
    assert f"1 file with the listener's name could not be read as CSV: {name}." in output.err
    assert stored.plays() == [row for row in stored.plays() if row["listener_id"] == TWO]


@pytest.mark.parametrize("name", ["20261122T100000Z.csv", "plays2/20261122T100000Z.csv", "items/corrected.csv"])
def test_a_file_that_a_person_has_put_anywhere_is_looked_through(importing, name):
    """What load ignores for its name stays as long as any landed file."""
    for bucket in (importing.landing, importing.quarantine):
        importing.cloud.storage.write(bucket, name, csv_of(play(1, ONE), play(2, TWO)))
    assert importing.types("forget", ONE, "--yes", "--json").json["rewritten"] == 2
    for bucket in (importing.landing, importing.quarantine):
        assert importing.cloud.storage.read(bucket, name) == csv_of(play(2, TWO))


def test_a_blank_line_keeps_no_file():
    assert without(b"listener_id,a\n\nanna,1\n", "anna")[1:] == (1, 0)


def reason_of_load(*messages):
    """As load writes it."""
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
    importing.cloud.storage.write(importing.quarantine, f"{REFUSED}.g1.reason.json", reason)
    assert importing.types("forget", listener, "--yes").code == 0
    assert (importing.cloud.storage.names(importing.quarantine) == [f"{REFUSED}.g1.reason.json"]) is stays


@pytest.mark.parametrize(
    ("listeners", "left"),
    [((ONE,), []), ((ONE, TWO), [f"{REFUSED}.g1"]), ((TWO,), [f"{REFUSED}.g1", f"{REFUSED}.g1.reason.json"])],
)
def test_a_reason_goes_if_the_file_beside_it_has_rows_that_it_may_quote(importing, listeners, left):
    """BigQuery quotes a value, and not whose it is."""
    plays = [play(number, listener) for number, listener in enumerate(listeners)]
    importing.cloud.storage.write(importing.quarantine, f"{REFUSED}.g1", csv_of(*plays))
    importing.cloud.storage.write(
        importing.quarantine, f"{REFUSED}.g1.reason.json", reason_of_load("Could not parse 'One'")
    )
    removed = importing.types("forget", ONE, "--yes", "--json").json
    assert importing.cloud.storage.names(importing.quarantine) == left
    assert (removed["deleted"], removed["rewritten"]) == (2 - len(left), int(len(left) == 1))


def test_a_file_that_only_seems_to_name_the_listener_is_not_reported(importing):
    content = b"forgotten,banana\n1,2\n"
    importing.cloud.storage.write(importing.quarantine, f"{REFUSED}.g1", content)
    assert importing.types("forget", "ana", "--yes").code == 0
    assert importing.cloud.storage.read(importing.quarantine, f"{REFUSED}.g1") == content


TEXT = st.none() | st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(['"', "a\nb", "a\r\nb", ",", ""])


@settings(max_examples=35)
@given(st.lists(st.tuples(st.sampled_from(["ada", "bob", "adam"]), TEXT, TEXT), max_size=8))
def test_what_stays_of_a_file_stays_to_the_byte(rows):
    plays = [play(number, slug, track_name=name, album_name=album) for number, (slug, name, album) in enumerate(rows)]
    others = [each for each in plays if each["listener_id"] != "ada"]
    assert without(csv_of(*plays), "ada") == (csv_of(*others), len(plays) - len(others), len(others))


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b'x,listener_id\na"b,eve\n"p\nq",ada\n', b'x,listener_id\na"b,eve\n'),
        (b'x,listener_id\r\n"p\rq",ada\r\n"r\rs",eve\r\n', b'x,listener_id\r\n"r\rs",eve\r\n'),
        (b"x,listener_id\rp,ada\rq,eve", b"x,listener_id\rq,eve"),
    ],
)
def test_rows_that_load_has_not_written_go_whole(content, kept):
    assert without(content, "ada") == (kept, 1, 1)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b'listener_id\n"ada\n', "ü".encode("latin-1")])
def test_a_file_that_cannot_be_split_into_rows_is_not_touched(content):
    with pytest.raises(ValueError, match=r"."):
        without(content, "ada")
