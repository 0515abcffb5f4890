"""The table files are the only truth about tables: who writes, reads, creates or prints one agrees with its file."""

import json
import re

import pytest

import merge
from localcloud import ledger
from localcloud.gcp.laptop_cloud import LaptopCloud
from spark_jobs import top_tracks
from tests.contracts.generated_docs import ROOT, TABLE_FILES

TABLES = {name: json.loads(path.read_text()) for name, path in TABLE_FILES.items()}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_and_column_is_described_and_every_number_and_instant_has_a_unit(name):
    table = TABLES[name]
    assert set(table) - {"bounds"} == {"description", "primary_key", "partitioning", "clustering", "columns"}
    assert len(table["description"]) > 20
    for column in table["columns"]:
        assert set(column) == {"name", "type", "mode", "description"}, column
        assert column["description"].endswith("."), column
        if column["type"] in ("INTEGER", "FLOAT", "TIMESTAMP"):
            assert "Unit: " in column["description"], column


def test_every_number_and_instant_of_plays_and_every_text_of_one_form_have_bounds():
    unbounded = ("STRING", "BOOLEAN")
    bounded = {column["name"] for column in TABLES["plays"]["columns"] if column["type"] not in unbounded}
    of_one_form = {"listener_id", "album_release_date", "reason_start", "reason_end"}
    assert set(TABLES["plays"]["bounds"]) == bounded | of_one_form
    assert all(set(bound) in BOUND_FORMS for bound in TABLES["plays"]["bounds"].values())


BOUND_FORMS = ({"minimum", "maximum"}, {"minimum", "seconds_ahead"}, {"pattern"})


@pytest.mark.parametrize("name", ["plays", "tracks"])
def test_the_unit_in_a_columns_description_says_its_bounds(name):
    """For readers of the table in BigQuery's console, or in docs/tables.md."""
    for column in TABLES[name]["columns"]:
        bound = TABLES["plays"]["bounds"].get(column["name"], {})
        if "maximum" in bound:
            span = f"{bound['minimum']} to {bound['maximum']}"
            assert re.search(rf"Unit: ([^,.]+, )?{span}[,.]", column["description"]), column
        if "seconds_ahead" in bound:
            assert (bound["minimum"], bound["seconds_ahead"]) == ("2006-01-01T00:00:00Z", 86_400)
            assert column["description"].endswith(", from 2006 to a day ahead of the clock."), column


def test_spark_holds_the_bounds_of_all_columns_that_it_reads():
    bounds = {name: bound for name, bound in TABLES["plays"]["bounds"].items() if name in top_tracks.PLAY_COLUMNS}
    del bounds["listener_id"]  # Spark breaks at no name
    assert bounds.pop("played_at")["minimum"] == f"{top_tracks.EARLIEST:%Y-%m-%dT%H:%M:%SZ}"
    assert bounds.pop("album_release_date")["pattern"] == top_tracks.RELEASE_DATE
    assert {name: (bound["minimum"], bound["maximum"]) for name, bound in bounds.items()} == top_tracks.RANGES


@pytest.mark.parametrize("name", sorted(TABLES))
def test_keys_partitions_and_clusters_are_columns_that_are_always_there(name):
    table = TABLES[name]
    required = {column["name"] for column in table["columns"] if column["mode"] == "REQUIRED"}
    partition = [table["partitioning"]["field"]] if table["partitioning"] else []
    assert required >= {*table["primary_key"], *partition, *(table["clustering"] or [])}


def test_the_live_tables_are_the_files(tmp_path):
    with LaptopCloud(tmp_path) as cloud:
        client = ledger.warehouse(cloud.environment)
        live = {name: client.get_table(f"listening.{name}").to_api_repr() for name in TABLES}
    for name, table in TABLES.items():
        assert (live[name]["description"], live[name]["schema"]["fields"]) == (table["description"], table["columns"])
        assert live[name].get("timePartitioning") == table["partitioning"]
        assert live[name].get("clustering", {}).get("fields") == table["clustering"]


def test_load_merges_by_the_key_of_plays():
    assert merge.KEY.split(", ") == TABLES["plays"]["primary_key"]


def test_no_statement_but_that_of_forget_changes_a_row_of_the_ledger():
    changing = r"(MERGE|UPDATE|DELETE FROM|TRUNCATE TABLE) +`?[\w.{}]*runs\b(?!.*WHEN NOT MATCHED THEN\s+INSERT)"
    sources = [path for folder in ("functions", "cli", "dashboard") for path in (ROOT / folder).rglob("*.*")]
    texts = [(path.name, path.read_text()) for path in sources if path.suffix in (".py", ".sql")]
    assert [name for name, text in texts if re.search(changing, text, re.DOTALL)] == ["reword_ledger.sql"]
