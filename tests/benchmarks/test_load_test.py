"""`make load-test`, scaled down: its facts without its figures."""

from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import bigquery

from benchmarks.ingest import world as ingest_world
from benchmarks.ingest.world import Weather
from benchmarks.load import __main__ as load
from benchmarks.load import world as load_world
from localcloud import ledger

pytestmark = pytest.mark.timeout(300)

LISTENERS, DAYS = 40, 8
BROKEN = (500, 502, 504)


def failed(checks):
    return [(check.name, check.expected, check.found) for check in checks if not check.holds]


def test_forty_listeners_in_a_storm_lose_nothing_and_each_has_an_outcome(tmp_path):
    # Which calls meet it depends on their order; of some hundreds there are never as few as is asked for below.
    weather = Weather(answer_seconds=0, busy_share=0.1, broken_share=0.4, retry_after_seconds=0)
    with ingest_world.world(tmp_path, LISTENERS, weather) as world:
        slot = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        slots = [slot - timedelta(hours=1), slot]
        answers = []
        for slot in slots:
            answers.append(world.run(slot)[0])
            world.deliver()
        assert failed(ingest_world.checks(world, slots, answers)) == []
        assert world.routes.answered[429] > 5
        assert sum(world.routes.answered[status] for status in BROKEN) > 2
        outcomes = answers[0]["listeners"].values()
        assert {outcome["error_class"] for outcome in outcomes} == {None, "SpotifyUnavailable"}
        assert answers[0]["rows_new"] == sum(outcome["new"] for outcome in outcomes) > 700


@pytest.mark.spark
def test_a_households_week_loaded_twice_in_random_order_is_there_once(tmp_path):
    rows = load_world.household(listeners=5, plays_each=80, days=DAYS)
    assert len(rows) > 390
    assert rows["played_at"].dt.floor("D").nunique() == DAYS
    with load_world.world(tmp_path) as world:
        assert list(world.load_twice(rows, seed=1)) == list(range(1, 2 * DAYS + 1))
        assert failed(load_world.checks(world, rows)) == []
        assert failed(load_world.top_ten_checks(world, rows)) == []


def test_a_lost_and_a_doubled_play_would_be_noticed(tmp_path):
    rows = load_world.household(listeners=1, plays_each=40, days=2)
    with load_world.world(tmp_path) as world:
        for _ in world.load_twice(rows[1:], seed=1):
            pass
        lost = failed(load_world.checks(world, rows))
        assert ("plays lost", 0, 1) in lost
        doubled = load_world.csv_of(rows[1:2].assign(run_id="20251124T000000Z", ingested_at=datetime.now(UTC)))
        insert_behind_loads_back(world, doubled)
        assert ("plays stored twice", 0, 1) in failed(load_world.checks(world, rows[1:]))


def insert_behind_loads_back(world, content):
    settings = world.cloud.environment
    world.cloud.storage.write(settings["SPARK_TEMP_BUCKET"], "doubled.csv", content)
    config = bigquery.LoadJobConfig(source_format="CSV", skip_leading_rows=1, source_column_match="NAME")
    client = ledger.warehouse(settings)
    table = client.get_table(f"{client.project}.{settings['DATASET']}.plays")
    client.load_table_from_uri(f"gs://{settings['SPARK_TEMP_BUCKET']}/doubled.csv", table, job_config=config).result()


def test_growth_is_reported_by_tenths_of_the_files():
    assert load.tenths([1.0] * 10 + [2.0] * 10) == [1.0] * 5 + [2.0] * 5
    assert load.tenths([0.3]) == [0.3]
