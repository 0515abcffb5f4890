"""What is kept of an item that is no play, whatever it is."""

import json

import pytest

from plays import RefusedItem
from quarantine import object_name, write_refused
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

    write_refused(bucket, RUN.run_id, [refused, refused])

    ((name, kept),) = ingesting.quarantined().items()
    assert name == object_name(refused)
    assert {key: kept[key] for key in ("reason", "listener_id", "run_id")} == {
        "reason": "track is null or missing",
        "listener_id": "ada",
        "run_id": RUN.run_id,
    }
    assert (kept["item"] == item) if levels == 3 else ("…" in json.dumps(kept["item"], ensure_ascii=False))


def test_two_items_have_two_names_and_the_order_of_fields_makes_none():
    one, same, other = ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3})
    names = [object_name(RefusedItem("ada", item, "")) for item in (one, same, other)]
    assert names[0] == names[1] != names[2]
