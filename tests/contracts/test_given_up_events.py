"""Load is out of order for longer than the platform repeats an event: ingest and load together lose nothing by it."""

from datetime import timedelta
from pathlib import Path

import functions_framework
import pytest

from localcloud.gcp.eventarc.cloud_events import FINALIZED
from localcloud.listeners.lives import Play
from tests.faults.scripted_life import ScriptedLife
from tests.ingest.harness import SLOT, ingesting_clouds

LOAD = Path(__file__).parents[2] / "functions/load/main.py"
ONE_HOUR = timedelta(hours=1)


@pytest.fixture
def ingesting(tmp_path):
    with ingesting_clouds(tmp_path) as (ingesting,), ingesting.settings():
        yield ingesting


def script(ingesting, *counts):
    """So many plays in the hour before each slot, every second of them a new track."""
    slug, listener = next(iter(ingesting.spotify.listeners.items()))
    tracks = list(ingesting.spotify.catalogue.tracks.values())
    instants = [
        SLOT + hour * ONE_HOUR - timedelta(minutes=59 - minute) for hour, n in enumerate(counts) for minute in range(n)
    ]
    plays = [Play(slug, at, 30_500, tracks[n // 2], None, at) for n, at in enumerate(instants)]
    ingesting.spotify.lives[slug] = ScriptedLife(listener, plays, SLOT - ONE_HOUR)
    ingesting.authorize(slug)


class Load:
    """The function load, which can be out of order. `statuses`: of its answers."""

    def __init__(self, ingesting):
        self._client = functions_framework.create_app("load", str(LOAD)).test_client()
        self._cloud, self.is_broken, self.statuses = ingesting.cloud, False, []
        ingesting.cloud.subscribe(FINALIZED, self._deliver, ingesting.landing)

    def _deliver(self, headers, body):
        status = 500 if self.is_broken else self._client.post("/", data=body, headers=headers).status_code
        self.statuses.append(status)
        return status

    def deliver(self):
        self._cloud.deliver_pending()
        seen, self.statuses = self.statuses, []
        return seen


def hours_later(ingesting, load, hours):
    """The run of that slot, and what load then answers."""
    ingesting.travel(hours=1)
    return ingesting.run(SLOT + hours * ONE_HOUR), load.deliver()


def test_plays_that_left_spotifys_page_while_load_was_out_of_order_for_a_day_are_stored(ingesting):
    script(ingesting, 30, 40, 30)
    load = Load(ingesting)
    assert (ingesting.run().body["rows_new"], load.deliver()) == (30, [200])

    load.is_broken = True
    answer, statuses = hours_later(ingesting, load, 1)
    assert (answer.body["rows_new"], answer.log, statuses) == (40, [], [500])
    # The page reaches 20 of the 40 plays in the file that is on its way, hence no gap. The other 20 are nowhere else.
    answer, statuses = hours_later(ingesting, load, 2)
    assert (answer.body["rows_new"], answer.log, statuses) == (50, [], [500, 500])
    ingesting.travel(hours=24)
    assert load.deliver() == [500, 500]
    load.is_broken = False
    assert load.deliver() == []  # given up

    ingesting.travel(hours=1, minutes=1)
    answer = ingesting.run(SLOT + 27 * ONE_HOUR)
    assert [(entry["severity"], entry["message"], entry["object"]) for entry in answer.log] == [
        ("ERROR", "A file was not loaded and is re-sent", "plays/2026/11/22/20261122T110000Z.csv"),
        ("ERROR", "A file was not loaded and is re-sent", "plays/2026/11/22/20261122T120000Z.csv"),
    ]
    assert load.deliver() == [200, 200, 200]

    assert (len(ingesting.plays()), ingesting.gaps()) == (100, [])
    rows = [row for row in ingesting.rows("runs", "run_id") if row["step"] == "load"]
    assert [(row["run_id"], row["state"], row["rows_in"]) for row in rows] == [
        ("20261122T100000Z", "succeeded", 30),
        ("20261122T110000Z", "succeeded", 40),
        ("20261122T120000Z", "succeeded", 50),
        ("20261123T130000Z", "succeeded", 50),
    ]
    assert sum(row["rows_new"] for row in rows) == 100
    # Load has recorded them: nothing is sent a third time.
    ingesting.travel(days=2)
    assert (ingesting.run(SLOT + 75 * ONE_HOUR).log, load.deliver()) == ([], [])
