"""The bytes that are landed, whichever attempt lands them, and what is kept of an item that is not a play."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from buckets import (
    ForeignObject,
    LandedFile,
    LandingContradiction,
    land,
    quarantine_name,
    to_csv,
    write_refused,
)
from localcloud.faults import Fault
from plays import COLUMNS, RefusedItem
from tests.ingest.harness import OBJECT, RUN_ID
from tests.ingest.items import FULL_LINE, FULL_ROW, RUN, row

HEADER = ",".join(COLUMNS) + "\n"


def test_a_full_row_is_written_as_the_contract_says():
    assert to_csv([FULL_ROW]).decode() == HEADER + FULL_LINE


def test_rows_are_ordered_by_listener_then_instant_then_track():
    nine = datetime(2026, 11, 22, 9, tzinfo=UTC)
    rows = [
        row(nine, "a", listener_id="bob"),
        row(nine, "b"),
        row(nine, "a"),
        row(nine - timedelta(milliseconds=1), "c"),
    ]
    assert to_csv(rows) == to_csv(rows[::-1])
    order = [line.split(",")[::2][:2] for line in to_csv(rows).decode().splitlines()[1:]]
    assert order == [['"ada"', '"c"'], ['"ada"', '"a"'], ['"ada"', '"b"'], ['"bob"', '"a"']]


@pytest.fixture
def bucket(ingesting):
    return ingesting.connect().landing


NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)
FIRST, SECOND = row(NINE, "a"), row(NINE, "a", listener_id="bob")


def test_what_an_earlier_attempt_did_not_land_is_added_as_a_new_generation(ingesting, bucket):
    landed = land(bucket, RUN_ID, [FIRST])
    generation = bucket.get_blob(OBJECT).generation
    more = land(bucket, RUN_ID, [FIRST, SECOND])
    assert (landed, more) == (LandedFile({"ada": 1}, True), LandedFile({"ada": 1, "bob": 1}, True))
    assert ingesting.landed() == {OBJECT: to_csv([FIRST, SECOND]).decode()}
    assert bucket.get_blob(OBJECT).generation > generation


def test_what_an_earlier_attempt_has_landed_is_left_as_it_is(ingesting, bucket):
    land(bucket, RUN_ID, [FIRST, SECOND])
    generation = bucket.get_blob(OBJECT).generation
    assert [land(bucket, RUN_ID, rows) for rows in ([SECOND], [])] == [LandedFile({"ada": 1, "bob": 1}, False)] * 2
    assert bucket.get_blob(OBJECT).generation == generation


def test_nothing_new_and_nothing_landed_is_nothing(ingesting, bucket):
    assert land(bucket, RUN_ID, []) is None
    assert ingesting.landed() == {}


def test_an_object_that_can_be_neither_created_nor_read_ends_the_attempt(ingesting, bucket):
    ingesting.cloud.faults.order(Fault("gcp POST /upload", status=412))
    with pytest.raises(LandingContradiction, match=f"^{OBJECT} can be neither created nor read$"):
        land(bucket, RUN_ID, [FIRST])
    assert land(bucket, RUN_ID, [FIRST]) == LandedFile({"ada": 1}, True)


def test_an_object_that_another_writer_changes_meanwhile_ends_the_attempt(ingesting, bucket):
    land(bucket, RUN_ID, [FIRST])
    ingesting.cloud.faults.order(Fault("gcp POST /upload", status=412, skip=1))
    with pytest.raises(LandingContradiction, match="was changed by another writer"):
        land(bucket, RUN_ID, [SECOND])
    assert ingesting.landed() == {OBJECT: to_csv([FIRST]).decode()}


FOREIGN = [
    b"",
    b"\xff\xfe\0",
    b"who,when\nada,9\n",
    b'listener_id,played_at,track_id\n"ada",9,a\rb\n',
    b"listener_id,played_at,track_id\n",
    HEADER.encode(),
    HEADER.encode().removesuffix(b"\n"),
    (HEADER + FULL_LINE).encode().removesuffix(b"\n"),
    (HEADER + FULL_LINE).encode().replace(b"\n", b"\r\n"),
    b"\xef\xbb\xbf" + (HEADER + FULL_LINE).encode(),
    b'listener_id,played_at,track_id\n"ada",2026-11-22T09:32:01.863Z,"a"\n',
]


@pytest.mark.parametrize("content", FOREIGN, ids=str)
def test_an_object_of_another_writer_under_the_runs_name_is_named_and_left_as_it_is(ingesting, bucket, content):
    ingesting.cloud.storage.write(ingesting.landing, OBJECT, content)
    with pytest.raises(ForeignObject, match=f"The object {OBJECT} in the landing bucket was not written by ingest"):
        land(bucket, RUN_ID, [FULL_ROW])
    assert ingesting.cloud.storage.read(ingesting.landing, OBJECT) == content


def test_a_title_of_any_length_can_be_read_back(ingesting, bucket):
    long = [row(NINE, "a", track_name="la" * 100_000)]
    assert land(bucket, RUN_ID, long).by_this_attempt
    assert not land(bucket, RUN_ID, long).by_this_attempt


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [{"a": value}]
    return value


@pytest.mark.parametrize("levels", [3, 30, 5_000])
def test_an_item_is_kept_as_far_down_as_it_can_mean_anything(ingesting, levels):
    """Python 3.12 reads JSON that is nested deeper than it can write; one such item would end every run."""
    item = {"track": None, "extra": nested(levels)}
    refused = RefusedItem("ada", item, "track is null or missing")
    bucket = ingesting.connect().quarantine

    assert write_refused(bucket, RUN.run_id, [refused, refused]) == 1

    ((name, kept),) = ingesting.quarantined().items()
    assert name == quarantine_name(refused)
    assert {key: kept[key] for key in ("reason", "listener_id", "run_id")} == {
        "reason": "track is null or missing",
        "listener_id": "ada",
        "run_id": RUN.run_id,
    }
    assert (kept["item"] == item) if levels == 3 else ("…" in json.dumps(kept["item"], ensure_ascii=False))


@pytest.mark.parametrize(
    ("first", "again", "is_the_same"),
    [
        ({"played_at": "p", "track": None}, {"played_at": "p", "track": None, "context": {"uri": "new"}}, True),
        (
            {"played_at": "p", "track": {"uri": "spotify:episode:a", "popularity": 7}},
            {"track": {"popularity": 8, "uri": "spotify:episode:a"}, "played_at": "p"},
            True,
        ),
        ({"played_at": "p", "track": None}, {"played_at": "q", "track": None}, False),
        ({"played_at": "p", "track": {"name": "a"}}, {"played_at": "p", "track": {"name": "b"}}, False),
        ({"played_at": "p", "track": None}, {"played_at": "p", "track": "a"}, False),
        ({"track": {"name": "a"}}, {"track": {"name": "a", "popularity": 8}}, False),  # nothing says when it was
        ("text", ["text"], False),
    ],
)
def test_an_item_is_reported_by_the_run_that_meets_it_first_whatever_changes_about_it_by_the_hour(
    ingesting, capsys, first, again, is_the_same
):
    bucket = ingesting.connect().quarantine
    item, later = (RefusedItem("ada", each, "track is null or missing") for each in (first, again))

    assert write_refused(bucket, RUN.run_id, [item]) == 1
    assert write_refused(bucket, RUN.run_id, [item]) == 1  # a repeat of the run has the same to report
    bucket.blob(quarantine_name(item)).upload_from_string("edited by a person")  # without the metadata
    assert write_refused(bucket, RUN.run_id, [later]) == (0 if is_the_same else 1)

    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(entries) == (2 if is_the_same else 3)


def test_two_items_have_two_names_and_the_order_of_fields_makes_none():
    one, same, other = ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3})
    names = [quarantine_name(RefusedItem("ada", item, "")) for item in (one, same, other)]
    assert names[0] == names[1] != names[2]
