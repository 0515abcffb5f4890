"""No play lost, none counted twice: storms of every kind, what earlier campaigns found, and two with real Spark.

More by hand: `make faults SCHEDULES=10000 SEED=0`.
"""

import json
from collections import Counter
from collections.abc import Iterable

import pytest

from localcloud.faults import Fault
from tests.faults import world as faults_world
from tests.faults.campaign import run_storms
from tests.faults.checks import problems
from tests.faults.storms import KINDS, MERGE, Call, EndBatch, Force, Import, Listening, Revoke, Storm, Trouble, draw
from tests.localcloud.spotify.faulty_spotify import SpotifyFault

TWICE = 2


def without_spare(seeds: Iterable[int]) -> list[int]:
    """Of these storms, those without which a kind would come less than twice. Storms of few kinds go first."""
    kinds = {seed: {trouble.kind for trouble in draw(seed).troubles} for seed in seeds}
    left = Counter(kind for each in kinds.values() for kind in each)
    for seed in sorted(kinds, key=lambda seed: len(kinds[seed])):
        if all(left[kind] > TWICE for kind in kinds[seed]):
            left.subtract(kinds.pop(seed))
    return list(kinds)


SEEDS = without_spare(range(994, 1134))
AT_ONCE = 16
ONE, TWO = "listener-one", "listener-two"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(0, len(SEEDS), AT_ONCE))
def test_every_promise_is_kept_in_every_storm(world, first):
    tally, failures = run_storms(SEEDS[first : first + AT_ONCE], world)
    assert not failures, [(failure.replay, failure.problems, failure.storm) for failure in failures]
    assert tally.storms == len(SEEDS[first : first + AT_ONCE])
    assert (tally.lost, tally.doubled) == (0, 0)
    # Storms in which nothing happens would prove nothing.
    assert tally.stored > 50 * tally.storms
    assert sum(tally.struck.values()) > tally.storms


def hours_ago(hour, listener, times):
    return Trouble(
        hour, "a page of hours ago", (SpotifyFault("stale", listener=listener, times=times, seconds=9000.0),)
    )


def test_every_kind_of_trouble_is_in_two_of_these_storms():
    drawn = Counter(kind for seed in SEEDS for kind in {trouble.kind for trouble in draw(seed).troubles})
    assert set(drawn) == set(KINDS)
    assert min(drawn.values()) >= TWICE


# What campaigns have found, each mended at its root since.
FOUND = {
    "an answer that comes too late, and rotations": Storm(
        20003,
        5,
        (
            Listening(0, TWO, 1, {0: 31}),
            Listening(1, ONE, 50),
            Listening(1, TWO, 50),
            Listening(3, TWO, 5),
            Listening(4, ONE, 3, never_shown=frozenset({1, 2})),
            Listening(4, TWO, 6, never_shown=frozenset({2, 3})),
        ),
        (
            Trouble(0, "a function is killed", (Fault("", "stop", skip=19),)),
            Trouble(1, "a function is killed", (Fault("", "stop", skip=17),)),
            Trouble(
                2,
                "no answer from Spotify in time",
                (SpotifyFault("slow", listener=TWO, endpoint="token", times=4, seconds=25),),
            ),
            Trouble(2, "a batch fails", (EndBatch("FAILED"),)),
            Trouble(2, "a function is killed", (Fault("", "stop", "after", skip=12),)),
            Trouble(3, "an upload fails", (Fault("gcp POST /upload"),)),
            Trouble(4, "a batch hangs", (EndBatch("hangs"),)),
        ),
    ),
    "a page of hours ago, after exactly 50 new plays": Storm(
        103204, 5, (Listening(1, ONE, 2), Listening(2, ONE, 50)), (hours_ago(3, ONE, 4),)
    ),
    "a page of hours ago, that fills a gap": Storm(
        101906, 4, (Listening(0, ONE, 3, {2: 7}), Listening(1, ONE, 50)), (hours_ago(2, ONE, 2),)
    ),
    "a page of hours ago, older than all that is known": Storm(
        101736,
        5,
        (Listening(0, ONE, 50, never_shown=frozenset({36, 49})), Listening(1, ONE, 35)),
        (Trouble(0, "a listener takes consent back", (Revoke(ONE, 1),)), hours_ago(2, ONE, 1)),
    ),
    "a run that dies with its page, and then a page of hours ago": Storm(
        108109,
        4,
        (Listening(1, ONE, 6), Listening(1, TWO, 50), Listening(2, ONE, 60)),
        (
            Trouble(1, "a BigQuery job fails", (Fault("bigquery job", "fail", skip=3, times=4, reason="stopped"),)),
            hours_ago(3, None, 4),
        ),
    ),
    "a first file that load has not come to yet, and then more than 50 plays": Storm(
        128,
        2,
        (Listening(0, ONE, 59), Listening(1, ONE, 58)),
        (Trouble(0, "events come out of order", (Fault("events deliver", "late", overtaken_by=1),)),),
    ),
    "exactly 50 plays, two of which end in one millisecond": Storm(
        265, 3, (Listening(1, ONE, 2), Listening(2, ONE, 50))
    ),
    "storage says that the object is there, and it is not": Storm(
        1,
        2,
        (Listening(0, ONE, 5), Listening(1, ONE, 60)),
        (Trouble(0, "an upload fails", (Fault("gcp POST /upload", status=412, times=3),)),),
    ),
    "two loads at once, of a page and of an export": Storm(
        1012,
        2,
        (Listening(0, TWO, 3),),
        (
            Trouble(0, "two loads at once", (Fault(MERGE, "overlap"), Force((0,)))),
            Trouble(0, "an export is imported", (Import(TWO, 0),)),
        ),
    ),
    "an import whose file loads after that of a later one, which is undone": Storm(
        1700060,
        5,
        (Listening(1, TWO, 66),),
        (
            Trouble(0, "events come out of order", (Fault("events deliver", "late", overtaken_by=1),)),
            Trouble(1, "an export is imported", (Import(TWO, 0),)),
            Trouble(1, "an import is undone", (Import(TWO, 0, 0),)),
        ),
    ),
    "an undo whose message cannot be sent, and which is repeated": Storm(
        1700870,
        2,
        (Listening(0, ONE, 82),),
        (
            Trouble(1, "publishing fails", (Fault("gcp POST .*:publish", status=429, times=60),)),
            Trouble(0, "an import is undone", (Import(ONE, 0, 1),)),
        ),
    ),
    "an attempt lands one listener and dies, the next one hears the other": Storm(
        1,
        3,
        (Listening(0, ONE, 5), Listening(0, TWO, 5), Listening(1, ONE, 5), Listening(1, TWO, 9), Listening(2, TWO, 60)),
        (
            Trouble(
                1,
                "a function is killed",
                (
                    SpotifyFault("dropped", listener=TWO, endpoint="recently-played", times=3),
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
def test_a_file_whose_event_failed_for_a_day_is_loaded_all_the_same(world, monkeypatch):
    """A page overlaps a file that is on its way, so there is no gap before it; and then its event is given up."""
    monkeypatch.setattr(faults_world, "ROUNDS", faults_world.ROUNDS[:1])  # an event fails 25 times, not 100
    error = {"code": 403, "message": "Access Denied", "errors": [{"reason": "accessDenied", "message": "Ordered"}]}
    denied = Fault("bigquery POST .*/tables", status=403, body=json.dumps({"error": error}), times=9999)
    listening = (Listening(0, ONE, 5), Listening(1, ONE, 40), Listening(2, ONE, 30))
    # Each hour would land the same plays once more.
    idle = [Trouble(hour, "the schedule does not call", (Call(times=0),)) for hour in range(4, 26)]
    evidence = world.run(Storm(1, 28, listening, (Trouble(1, "BigQuery fails", (denied,)), *idle)))
    [given_up] = problems(evidence)
    assert given_up.startswith("nothing_is_left_undelivered")
    assert "'pending': 0, 'held': 0, 'given_up': 3" in given_up
    assert len(evidence.plays) == 5 + 40 + 30 + 2 * 2 * 3  # and what both play in the two quiet hours


@pytest.mark.spark
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "storm",
    [
        draw(7),
        Storm(
            1,
            1,
            (Listening(0, ONE, 10), Listening(0, TWO, 10)),
            (Trouble(0, "two loads at once", (Fault(MERGE, "overlap"), Force((0,)))),),
        ),
    ],
    ids=["drawn", "two loads at once"],
)
def test_after_a_storm_real_spark_counts_what_a_recount_counts(world, storm):
    """Also while plays are stored twice: the batches come before the repair."""
    evidence = world.run(storm, with_spark=True)
    assert problems(evidence) == []
    assert bool(evidence.doubled) == (storm.seed == 1)
    assert evidence.top_tracks
    assert evidence.tracks
