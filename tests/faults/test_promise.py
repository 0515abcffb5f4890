"""No play lost, none counted twice: 200 storms, what earlier campaigns found, and some with real Spark.

More by hand: `make faults SCHEDULES=10000 SEED=0`.
"""

import json

import pytest

from localcloud.faults import Fault
from localcloud.spotify_orders import Order
from tests.faults.campaign import run_storms
from tests.faults.checks import problems
from tests.faults.storms import Heard, Storm, Trouble, draw

AT_ONCE = 20
SEEDS = range(200)
ONE, TWO = "listener-one", "listener-two"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(0, 200, AT_ONCE))
def test_every_promise_is_kept_in_every_storm(world, first):
    tally, failures = run_storms(SEEDS[first : first + AT_ONCE], world)
    assert not failures, [(failure.replay, failure.problems, failure.storm) for failure in failures]
    assert tally.storms == AT_ONCE
    assert (tally.lost, tally.doubled) == (0, 0)
    # Storms in which nothing happens would prove nothing.
    assert tally.stored > 50 * AT_ONCE
    assert sum(tally.struck.values()) > AT_ONCE


# What campaigns have found, each mended at its root since.
FOUND = {
    "an answer that comes too late, and rotations": draw(20003),
    "a page of hours ago, after exactly 50 new plays": draw(103204).keep((1, 2, 6)),
    "a page of hours ago, that fills a gap": draw(101906).keep((0, 2, 6)),
    "a page of hours ago, older than all that is known": draw(101736).keep((0, 2, 5, 7)),
    "a run that dies with its page, and then a page of hours ago": draw(108109).keep((0, 1, 2, 9, 11)),
    "a first file that load has not come to yet, and then more than 50 plays": Storm(
        128,
        2,
        (Heard(0, ONE, 59), Heard(1, ONE, 58)),
        (Trouble(0, "events come out of order", (Fault("events deliver", "late", overtaken_by=1),)),),
    ),
    "exactly 50 plays, two of which end in one millisecond": Storm(265, 3, (Heard(1, ONE, 2), Heard(2, ONE, 50))),
    "storage says that the object is there, and it is not": Storm(
        1,
        2,
        (Heard(0, ONE, 5), Heard(1, ONE, 60)),
        (Trouble(0, "an upload fails", (Fault("gcp POST /upload", status=412, times=3),)),),
    ),
    "an attempt lands one listener and dies, the next one hears the other": Storm(
        1,
        3,
        (Heard(0, ONE, 5), Heard(0, TWO, 5), Heard(1, ONE, 5), Heard(1, TWO, 9), Heard(2, TWO, 60)),
        (
            Trouble(
                1,
                "a function is killed",
                (
                    Order("dropped", listener=TWO, endpoint="recently-played", times=3),
                    Fault("gcp POST /upload", "stop", "after"),
                ),
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_once_is_not_found_again(world, name):
    assert problems(world.run(FOUND[name])) == []


@pytest.mark.timeout(600)
def test_what_load_was_told_of_in_vain_for_a_day_is_loaded_all_the_same(world):
    """A page overlaps a file that is on its way, so there is no gap before it; and then its event is given up."""
    error = {"code": 403, "message": "Access Denied", "errors": [{"reason": "accessDenied", "message": "Ordered"}]}
    denied = Fault("bigquery POST .*/tables", status=403, body=json.dumps({"error": error}), times=9999)
    heard = (Heard(0, ONE, 5), Heard(1, ONE, 40), Heard(2, ONE, 30))
    evidence = world.run(Storm(1, 28, heard, (Trouble(1, "BigQuery fails", (denied,)),)))
    [given_up] = problems(evidence)
    assert given_up.startswith("nothing_is_left_undelivered")
    assert "'pending': 0, 'held': 0, 'given_up': 3" in given_up
    assert len(evidence.plays) == 5 + 40 + 30 + 2 * 2 * 3  # and what both play in the two quiet hours


@pytest.mark.spark
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [7, 19])
def test_after_a_storm_real_spark_counts_what_a_recount_counts(world, seed):
    evidence = world.run(draw(seed), with_spark=True)
    assert problems(evidence) == []
    assert evidence.top_tracks
    assert evidence.tracks
