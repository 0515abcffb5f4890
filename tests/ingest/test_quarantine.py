"""What is kept of an item that is no play, whatever it is."""

import json

import pytest

from plays import RefusedItem
from refused_items import object_name, write_refused
from tests.ingest.items import RUN


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
    assert name == object_name(refused)
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
    bucket.blob(object_name(item)).upload_from_string("edited by a person")  # without the metadata
    assert write_refused(bucket, RUN.run_id, [later]) == (0 if is_the_same else 1)

    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(entries) == (2 if is_the_same else 3)


def test_two_items_have_two_names_and_the_order_of_fields_makes_none():
    one, same, other = ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3})
    names = [object_name(RefusedItem("ada", item, "")) for item in (one, same, other)]
    assert names[0] == names[1] != names[2]
