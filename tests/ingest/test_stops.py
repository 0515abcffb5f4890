"""A run that is stopped at any of its calls, and then repeated, comes to what it would have come to undisturbed."""

from datetime import timedelta

import pytest

from localcloud.faults import Fault
from tests.ingest.harness import SLOT, ingesting_clouds

DAYS = 2
"""Between two runs: enough for a full page of one listener, hence for a gap."""

STOPS = [("before", 0), *(("after", call) for call in range(35))]
"""A stop before a call leaves what one after the call before it leaves. The last are never reached."""
RUNS = 6
"""In one cloud, each stopped elsewhere."""


def prepare(ingesting):
    """Every run brings a token to keep, an item to quarantine, a gap, and a listener whose consent is gone."""
    ingesting.authorize(*ingesting.slugs)
    one, _, three = ingesting.slugs
    ingesting.spotify.rotating.add(one)
    ingesting.spotify.order("item_local_file", listener=one, times=None)
    ingesting.spotify.revoke(three)


def outcome(ingesting):
    """All that outlives a run, without its instants and without what failed attempts left in the ledger."""
    plays, gaps, ledger = ingesting.plays(), ingesting.gaps(), ingesting.ledger()
    for row in plays:
        del row["ingested_at"]
    for row in gaps:
        del row["detected_at"]
    for row in ledger:
        for part in row["details"]["listeners"].values():
            del part["consent_ends_at"]
    ledger = [row for row in ledger if row["state"] != "failed"]
    return {"plays": plays, "gaps": gaps, "ledger": ledger, "quarantine": ingesting.quarantined()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    with ingesting_clouds(tmp_path_factory.mktemp("undisturbed")) as (undisturbed,):
        prepare(undisturbed)
        for run in range(RUNS):
            slot = SLOT + timedelta(days=DAYS * run)
            undisturbed.run(slot)
            load(undisturbed, slot)
            undisturbed.travel(days=DAYS)
        return outcome(undisturbed)


@pytest.mark.parametrize("first", range(0, len(STOPS), RUNS))
def test_a_run_that_is_stopped_at_any_call_and_repeated_comes_to_the_same(ingesting, expected, first):
    prepare(ingesting)
    statuses = []
    for run, (when, call) in enumerate(STOPS[first : first + RUNS]):
        slot = SLOT + timedelta(days=DAYS * run)
        statuses.append(run_with_a_stop(ingesting, slot, Fault("", "stop", when, skip=call)))
        ingesting.travel(days=DAYS)
    assert [len(expected[part]) for part in ("ledger", "quarantine")] == [RUNS, RUNS]
    assert len(expected["gaps"]) > 3
    assert outcome(ingesting) == expected
    # Where the run was stopped it failed; what comes after its last call did not touch it.
    assert statuses == sorted(statuses, reverse=True)
    assert statuses[-1] == (200 if first + RUNS == len(STOPS) else 500)


def run_with_a_stop(ingesting, slot, stop):
    """The status of the first attempt. What it has landed reaches the warehouse before the second."""
    ingesting.restart()
    ingesting.cloud.faults.clear()
    ingesting.cloud.faults.order(stop)
    status = ingesting.run(slot).status
    ingesting.cloud.faults.clear()
    was_loaded = load(ingesting, slot)
    ingesting.restart()
    assert ingesting.run(slot).status == 200
    assert was_loaded or load(ingesting, slot)
    return status


def load(ingesting, slot):
    name = f"plays/{slot:%Y/%m/%d/%Y%m%dT%H%M%SZ}.csv"
    if name in ingesting.landed():
        ingesting.load(name)
        return True
    return False
