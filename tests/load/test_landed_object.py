"""From an event to a run's file: names, ids, and everything that only looks like one."""

from datetime import UTC, datetime

import pytest

from landed_object import LandedObject, parse_event, slot_of
from load_errors import EventUnreadable

NAME = "plays/2026/11/22/20261122T100000Z.csv"
SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        "plays/2026/11/23/20261122T100000Z.csv",  # another day's folder
        "plays/2026/11/22/20261122t100000z.csv",
        "plays/2026/11/22/20261122T100000Z.CSV",
        "Plays/2026/11/22/20261122T100000Z.csv",
        "plays/2026/11/22/20261122T100000Z.csv.g17",
        "plays/2026/11/22/20261122T100000Z.csv.bak",
        "plays/2026/11/22/20261122T100000Z.csv\n",
        "plays/2026/11/22/20261122T100000Z",
        "plays/2026/11/22/20261122T100000.csv",
        "plays/2026/11/22/20261322T100000Z.csv",  # no such month
        "plays/2026/02/30/20260230T100000Z.csv",  # no such day
        "plays/2026/11/22/20261122T250000Z.csv",  # no such hour
        "plays/2026/11/22/2026112T2100000Z.csv",
        "plays/2026/11/22/٢٠٢٦1122T100000Z.csv",  # digits, but not ours
        "plays/2026/11/22/ 20261122T100000Z.csv",
        "/plays/2026/11/22/20261122T100000Z.csv",
        "plays//2026/11/22/20261122T100000Z.csv",
        "plays/../20261122T100000Z.csv",
        "plays/../plays/2026/11/22/20261122T100000Z.csv",
        "plays/2026/11/22/../22/20261122T100000Z.csv",
        "plays/2026/11/22/20261122T100000Z.csv/",
        "20261122T100000Z.csv",
        "plays/2026/11/22/`; DROP TABLE plays; --.csv",
        "",
    ],
)
def test_a_name_that_is_only_almost_a_runs_is_not_a_runs(name):
    assert slot_of(name) is None


@pytest.mark.parametrize("generation", ["1587627537231057", 1587627537231057])
def test_a_generation_may_come_as_text_or_as_a_number(generation):
    # Both are in Google's own examples of the event.
    landed = parse_event({"bucket": "landing", "name": NAME, "generation": generation, "size": "352"})

    assert landed == LandedObject("landing", NAME, 1587627537231057)
    assert (landed.run_id, landed.slot, landed.is_run_file) == ("20261122T100000Z", SLOT, True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": NAME, "generation": "1"}, "names no bucket"),
        ({"bucket": "landing", "generation": "1"}, "no object"),
        ({"bucket": "landing", "name": "", "generation": "1"}, "no object"),
        ({"bucket": "landing", "name": ["x"], "generation": "1"}, "no object"),
        ({"bucket": "landing", "name": NAME, "generation": "latest"}, "'latest'"),
        ({"bucket": "landing", "name": NAME, "generation": True}, "True"),
        ({"bucket": "landing", "name": NAME, "generation": -1}, "-1"),
        ({"bucket": "landing", "name": NAME, "generation": "1\n"}, "not a number"),
    ],
)
def test_an_event_that_names_no_object_says_what_it_lacks(data, message):
    with pytest.raises(EventUnreadable, match=message):
        parse_event(data)


def test_every_id_carries_the_run_and_the_generation():
    landed = LandedObject("landing", NAME, 17)

    # echo -n 'landing/plays/2026/11/22/20261122T100000Z.csv#17' | sha256sum | head -c 16
    assert landed.job_id("load") == "load-20261122T100000Z-ae9d02634299a3ae"
    assert landed.job_id("merge") == "merge-20261122T100000Z-ae9d02634299a3ae"
    assert landed.staging_table == "plays_staging_20261122T100000Z_17"
    assert landed.quarantine_name == "plays/2026/11/22/20261122T100000Z.csv.g17"
    assert landed.uri == f"gs://landing/{NAME}"
