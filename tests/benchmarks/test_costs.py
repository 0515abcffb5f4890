"""What a month costs: the arithmetic against figures worked out by hand, the documents against the arithmetic."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlglot

from benchmarks.costs import __main__ as costs
from benchmarks.costs import model, tables
from benchmarks.costs.model import Usage, assumed, bill, total_usd
from benchmarks.dashboard.__main__ import invented_runs
from benchmarks.dashboard.billed import billed_megabytes, scanned_bytes
from benchmarks.dashboard.plays import listed, plays
from cli.console import CliError
from cli.place import Place
from cli.warehouse import Warehouse
from localcloud.gcp.laptop_cloud import LaptopCloud
from tests.ingest.harness import ingesting_clouds
from tests.load.harness import csv_of, loading_cloud, play
from tests.seed import seed

ROOT = Path(__file__).parents[2]
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def row(step, state, hours=0, seconds=3, after=0, **values):
    """`after`: seconds after the full hour, which only a run by hand or an import has."""
    slot = TEN + timedelta(hours=hours, seconds=after)
    times = {"slot": slot, "started_at": slot, "finished_at": slot + timedelta(seconds=seconds)}
    return {"run_id": f"{slot:%Y%m%dT%H%M%SZ}", "step": step, "state": state, "listeners": None, "rows_new": None} | (
        times | values
    )


def line(lines, item):
    (found,) = [line for line in lines if line.price.item == item]
    return found


def usage(**values):
    month = {"listeners": 1, "runs": 730, "runs_with_plays": 200, "batches": 30, "stored_plays": 1000}
    return Usage(**(month | values))


def test_a_batch_of_154_seconds_costs_three_cents():
    # 12 DCU x 154 s = 0.51333 DCU-hours x $0.06 = $0.0308; 750 GB x 154 s = 32.0833 GB-hours x $0.000054795 = $0.001758
    assert tables.batch_usd() == pytest.approx(0.0308 + 0.001758, abs=1e-6)


def test_a_batch_shorter_than_a_minute_is_billed_a_minute():
    short, minute = bill(usage(batch_seconds=20)), bill(usage(batch_seconds=60))
    assert total_usd(short) == total_usd(minute)
    assert line(minute, "Spark, compute").units == 30 * 12 / 60


def test_only_what_exceeds_the_free_allowance_is_paid():
    # 180,000 vCPU-seconds are free: 40 hours of an open tab are 144,000, the functions add 13,900.
    inside, outside = bill(usage(open_tab_hours=40)), bill(usage(open_tab_hours=60))
    assert line(inside, "Functions and dashboard, processor").usd == 0
    assert line(outside, "Functions and dashboard, processor").usd == pytest.approx(
        (216_000 + 7_300 + 200 * 33 - 180_000) * 0.000024
    )


def test_the_seventh_secret_is_the_first_that_costs():
    assert line(bill(usage(listeners=5)), "Secret Manager, versions").usd == 0
    assert line(bill(usage(listeners=6)), "Secret Manager, versions").usd == pytest.approx(0.06)


def test_queries_are_billed_ten_megabytes_for_each_table():
    lines = bill(usage(runs=730, runs_with_plays=100, dashboard_loads=0))
    # A run reads runs for its past, plays for what is known, and runs for unloaded files. With new plays load reads
    # what it staged; plays, the staged rows, imports and tracks for its MERGE; plays and tracks for plays stored twice;
    # ingest merges plays into catalogue.
    each_run, with_plays = 10 + 10 + 10, 10 + 40 + 20 + 20
    assert line(lines, "BigQuery, queries").units * 1024**2 == pytest.approx(730 * each_run + 100 * with_plays)


def test_a_run_names_as_many_tables_as_its_statements_do(tmp_path):
    with ingesting_clouds(tmp_path / "ingest") as (ingesting,):
        statements = ingesting.cloud.bigquery.statements
        ingesting.authorize("listener-one")
        ingesting.run()
        ingesting.load()
        ingesting.run(slot=TEN - timedelta(hours=3))  # fills the catalogue
        statements.clear()
        assert ingesting.run(slot=TEN - timedelta(hours=1)).body["rows_new"] == 0
        nothing_new = named(statements)
        newest = f"(SELECT MAX(played_at) FROM {ingesting.dataset}.plays)"
        ingesting.warehouse.query_and_wait(f"DELETE FROM {ingesting.dataset}.plays WHERE played_at = {newest}")
        statements.clear()
        assert ingesting.run(slot=TEN - timedelta(hours=2)).body["rows_new"] == 1
        new_plays = named(statements)
    with loading_cloud(tmp_path / "load") as loading:
        loading.land(csv_of(play(1)))
        loading.receive()
        loaded = named(loading.cloud.bigquery.statements)
    assert nothing_new == model.INGEST_TABLES_READ
    assert new_plays + loaded == model.INGEST_TABLES_READ + model.LOAD_TABLES_READ


def named(statements):
    """How many tables the statements name, each once a statement; an INSERT of values scans none."""
    count = 0
    for sql in statements:
        statement = sqlglot.parse_one(sql, read="bigquery")
        inner = {part.alias for part in statement.find_all(sqlglot.exp.CTE)}
        tables = {(table.db, table.name) for table in statement.find_all(sqlglot.exp.Table)}
        if not isinstance(statement, sqlglot.exp.Insert):
            count += len({(dataset, name) for dataset, name in tables if dataset or name not in inner})
    return count


def test_a_visit_is_billed_for_everybodys_plays_and_for_the_ledger():
    # 115,000 plays of ten years: 30 MB, as decision 10 says, and 10 for the ledger; few plays: the minimum of each.
    assert model.visit_megabytes(115_000) == 30 + 10
    assert model.visit_megabytes(5 * 115_000) == 65 + 10
    assert model.visit_megabytes(1_000) == 30 + 10
    lines = bill(usage(runs=0, runs_with_plays=0, dashboard_loads=3))
    assert line(lines, "BigQuery, queries").units * 1024**2 == pytest.approx(3 * 40)


def test_what_the_model_takes_for_the_dashboards_queries_is_what_its_benchmark_works_out():
    rows = plays(2_000)
    assert scanned_bytes("plays", rows) / len(rows) == pytest.approx(model.PLAY_BYTES_READ, rel=0.01)
    tracks = listed(rows)
    assert scanned_bytes("tracks", tracks) / len(tracks) == pytest.approx(model.TRACK_BYTES_READ, rel=0.01)
    assert len(listed(plays())) / 115_000 == pytest.approx(model.TRACKS_PER_PLAY, rel=0.15)
    assert billed_megabytes("runs", pd.DataFrame(invented_runs())) == model.LEDGER_MB


def test_what_the_document_says_is_paid_beside_spark_is_paid():
    """Its first paragraph."""
    spark = {"Spark, compute", "Spark, shuffle disk"}
    paid = {
        hours: {found.price.item: round(found.usd, 2) for found in bill(assumed(5, hours)) if found.usd >= 0.005}
        for hours in (24, 1)
    }
    assert paid[24].keys() - spark == {"Artifact Registry"}
    assert paid[1].keys() - spark == {"Artifact Registry", "Cloud Storage, writes"}
    text = " ".join((ROOT / "docs/costs.md").read_text().partition("<!--")[0].split())
    assert f"${paid[24]['Artifact Registry']:.2f} for the images" in text
    assert f"${paid[1]['Cloud Storage, writes']:.2f} for writes to Cloud Storage" in text


@pytest.mark.parametrize(
    ("share", "hours", "batches"),
    # All hours bring plays: one batch an interval. A quarter of them, once a day: 23 hours and then four more.
    [(1, 24, 730 / 24), (1, 3, 730 / 3), (1, 0, 730), (0.25, 1, 182.5), (0.25, 24, 730 / 27)],
)
def test_batches_follow_hours_with_plays_and_keep_the_interval(share, hours, batches):
    assert model.batches_per_month(share, hours) == pytest.approx(batches)


def test_a_ledger_is_scaled_to_a_month_and_repeats_count_once():
    rows = [
        *(row("ingest", "skipped", hour, listeners=3) for hour in range(73)),
        row("ingest", "failed", 4),  # the same run's first try
        *(row("load", "succeeded", hour, rows_new=10) for hour in range(20)),
        *(row("transform", "succeeded", hour) for hour in range(2)),
        *(row("transform", "skipped", hour) for hour in range(2, 20)),
        row("top_tracks", "succeeded", 0, seconds=80),
        row("top_tracks", "failed", 1, seconds=100),
    ]
    in_cloud, covered = costs.usage_of(rows, 200, in_cloud=True)
    assert covered == timedelta(hours=73)
    assert in_cloud == Usage(
        listeners=3, runs=730, runs_with_plays=200, batches=20, stored_plays=200, batch_seconds=90 + 40
    )
    assert costs.usage_of(rows, 200, in_cloud=False)[0].batch_seconds == 154


def test_runs_by_hand_and_imports_are_not_scaled_and_all_that_is_stored_counts():
    every_month = [
        *(row("ingest", "succeeded", hour, listeners=1) for hour in range(73)),
        row("load", "succeeded", 5, rows_new=10),
        row("transform", "succeeded", 5),
    ]
    once = [
        *(row(step, "succeeded", 6, after=7, rows_new=2) for step in ("ingest", "load", "transform")),
        *(row(step, "succeeded", -5000, after=9, rows_new=300) for step in ("import", "load", "transform")),
    ]
    month, covered = costs.usage_of([*every_month, *once], 54_750, in_cloud=False)
    assert covered == timedelta(hours=73)
    assert month == Usage(listeners=1, runs=730, runs_with_plays=10, batches=10, stored_plays=54_750, batch_seconds=154)


def test_the_plays_that_are_stored_are_the_tables_own_number(tmp_path, monkeypatch):
    """Ten years may be stored there that the ledger's last month does not show."""
    with LaptopCloud(tmp_path) as cloud:
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        there = Place(cloud.environment["GOOGLE_CLOUD_PROJECT"], cloud.environment["LOCATION"], cloud.environment)
        assert Warehouse(there).stored_plays() == 0
        seed(cloud, "plays", plays(3).assign(run_id="x", ingested_at=TEN))
        assert Warehouse(there).stored_plays() == 3


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "cover 0 h: too short"),
        ([row("ingest", "succeeded", hour) for hour in range(71)], "cover 71 h: too short"),
        (
            [row("ingest", "succeeded"), *(row("ingest", "succeeded", 0, after=n) for n in range(1, 12))],
            "cover 1 h (runs fired by hand, not counted: 11): too short",
        ),
    ],
    ids=["empty", "an hour less than three days", "eleven minutes of trying"],
)
def test_what_is_too_short_is_not_scaled_to_a_month(rows, sentence):
    with pytest.raises(CliError) as error:
        costs.usage_of(rows, 0, in_cloud=True)
    assert sentence in str(error.value)


def test_days_that_could_never_be_enough_are_wrong_usage(capsys):
    with pytest.raises(SystemExit) as end:
        costs.main(["--laptop", "--days", "3"])
    assert end.value.code == 2
    assert "more than 3 days are needed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["docs/costs.md", "README.md"])
def test_the_figures_of_the_document_are_what_the_arithmetic_says(name):
    """If not: make docs."""
    text = (ROOT / name).read_text()
    assert "<!-- costs: summary -->" in text
    assert tables.filled(text) == text


def test_every_table_is_in_the_document():
    assert set(re.findall(r"<!-- costs: (\w+) -->", (ROOT / "docs/costs.md").read_text())) == set(tables.TABLES)


def test_what_terraform_says_of_the_interval_is_what_the_arithmetic_says():
    text = (ROOT / "terraform/variables.tf").read_text()
    daily, hourly = re.search(
        r"about \$(\d+) a month for Spark; 0, after every run with new plays: up to \$(\d+)", text
    ).groups()
    assert int(daily) == round(model.batches_per_month(1, 24) * tables.batch_usd())
    assert int(hourly) == round(model.batches_per_month(1, 0) * tables.batch_usd())


def test_the_tables_are_printed_and_a_laptop_that_does_not_run_is_named(tmp_path, capsys):
    assert costs.main([]) == 0
    assert "| 1 listener | $" in capsys.readouterr().out
    assert costs.main(["--laptop", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
