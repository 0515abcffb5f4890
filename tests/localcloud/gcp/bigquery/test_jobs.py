"""Jobs: an id is used once, wherever and however it ended, and its outcome is kept."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from google.api_core.exceptions import BadRequest, Conflict, GoogleAPICallError, NotFound
from google.cloud import bigquery

from localcloud.faults import Fault
from tests.localcloud.gcp.bigquery.warehouse import LOCATION, NOON, PROJECT, Warehouse, integer, running_warehouse

INSERT = "INSERT INTO t (n) VALUES (@n)"
MERGE = "MERGE t USING (SELECT @n AS n) AS s ON t.n = s.n WHEN NOT MATCHED THEN INSERT (n) VALUES (s.n)"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with running_warehouse(tmp_path) as warehouse:
        warehouse.create("t", "n INT64")
        yield warehouse


def test_a_job_id_is_refused_when_it_is_repeated_and_the_job_is_found(warehouse: Warehouse) -> None:
    warehouse.start(INSERT, integer("n", 1), job_id="once").result()

    with pytest.raises(Conflict, match=f"Already Exists: Job {PROJECT}:{LOCATION}.once"):
        warehouse.start(INSERT, integer("n", 2), job_id="once")
    job = warehouse.client.get_job("once", location=LOCATION)
    assert isinstance(job, bigquery.QueryJob)
    assert (job.state, job.error_result, job.num_dml_affected_rows) == ("DONE", None, 1)
    assert job.result().total_rows in (None, 0)
    assert warehouse.rows("SELECT n FROM t") == [(1,)]


def test_of_two_merges_that_overlap_the_first_ends_last_and_neither_sees_what_the_other_inserts(
    warehouse: Warehouse,
) -> None:
    warehouse.faults.order(Fault("bigquery job query first", "overlap"))
    first = warehouse.start(MERGE, integer("n", 1), job_id="first")
    assert (first.state, warehouse.rows("SELECT n FROM t")) == ("RUNNING", [])
    warehouse.start(MERGE, integer("n", 1), job_id="second").result()
    assert first.result().num_dml_affected_rows == 1
    assert warehouse.rows("SELECT n FROM t") == [(1,), (1,)]


def test_a_merge_that_no_other_meets_ends_after_ten_minutes(warehouse: Warehouse) -> None:
    warehouse.faults.order(Fault("bigquery job query first", "overlap"))
    warehouse.start(MERGE, integer("n", 1), job_id="first")
    warehouse.clock.set(NOON + timedelta(minutes=10))
    job = warehouse.client.get_job("first", location=LOCATION)
    assert (job.state, warehouse.rows("SELECT n FROM t")) == ("DONE", [(1,)])


def test_a_merge_that_deletes_runs_after_the_one_beside_it(warehouse: Warehouse) -> None:
    """BigQuery lets only MERGEs overlap that do nothing but insert."""
    warehouse.start(INSERT, integer("n", 7)).result()
    warehouse.faults.order(Fault("bigquery job query first", "overlap"))
    replace = MERGE + " WHEN NOT MATCHED BY SOURCE THEN DELETE"
    first = warehouse.start(replace, integer("n", 1), job_id="first")
    warehouse.start(MERGE, integer("n", 1), job_id="second").result()
    first.result()
    assert warehouse.rows("SELECT n FROM t") == [(1,)]


@pytest.mark.parametrize(
    ("start", "error", "reason", "message"),
    [
        (
            lambda w, job_id: w.start("SELECT nope FROM t", job_id=job_id),
            BadRequest,
            "invalidQuery",
            "Unrecognized name: nope",
        ),
        (lambda w, job_id: w.start("SELEC 1", job_id=job_id), BadRequest, "invalidQuery", "Syntax error"),
        (
            lambda w, job_id: w.start("SELECT 1 FROM none", job_id=job_id),
            NotFound,
            "notFound",
            f"Not found: Table {PROJECT}:listening.none",
        ),
        (
            lambda w, job_id: w.load("t", "gs://b/none.csv", job_id=job_id),
            NotFound,
            "notFound",
            "Not found: URI gs://b/none.csv",
        ),
        (
            lambda w, job_id: w.load("none", "gs://b/one.csv", job_id=job_id, create_disposition="CREATE_NEVER"),
            NotFound,
            "notFound",
            f"Not found: Table {PROJECT}:listening.none",
        ),
    ],
    ids=["unknown column", "syntax", "unknown table", "unknown object", "unknown destination"],
)
def test_a_failed_job_keeps_its_error_and_its_id_also_after_a_restart(
    tmp_path: Path, start: Callable[..., bigquery.QueryJob], error: type[GoogleAPICallError], reason: str, message: str
) -> None:
    with running_warehouse(tmp_path) as warehouse:
        warehouse.create("t", "n INT64")
        warehouse.objects["gs://b/one.csv"] = b"n\n1\n"
        with pytest.raises(error, match=message):
            start(warehouse, "fails").result()
    with running_warehouse(tmp_path) as warehouse:
        with pytest.raises(Conflict):
            start(warehouse, "fails")
        job = warehouse.client.get_job("fails", location=LOCATION)
        with pytest.raises(error, match=message):
            job.result()

    assert job.state == "DONE"
    assert job.error_result["reason"] == reason
    assert message in job.error_result["message"]
    assert job.errors == [job.error_result]


def test_what_a_job_wrote_and_that_it_did_survive_a_restart(tmp_path: Path) -> None:
    with running_warehouse(tmp_path) as warehouse:
        warehouse.create("t", "n INT64")
        warehouse.start(MERGE, integer("n", 1), job_id="merge").result()
    with running_warehouse(tmp_path) as warehouse:
        with pytest.raises(Conflict):
            warehouse.start(MERGE, integer("n", 2), job_id="merge")
        job = warehouse.client.get_job("merge", location=LOCATION)

        assert job.dml_stats.inserted_row_count == 1
        assert warehouse.rows("SELECT n FROM t") == [(1,)]


def test_a_job_is_found_only_where_it_ran(warehouse: Warehouse) -> None:
    job = warehouse.start("SELECT n FROM t", job_id="here")

    assert job.location == LOCATION
    assert warehouse.client.get_job("here", location=LOCATION.upper()).job_id == "here"
    with pytest.raises(NotFound, match=f"Not found: Job {PROJECT}:US.here"):
        warehouse.client.get_job("here", location="US")
    answer = requests.get(f"{warehouse.url}/bigquery/v2/projects/{PROJECT}/jobs/here", timeout=10)
    assert answer.status_code == 404


def test_a_job_in_another_place_than_its_data_does_not_find_them(warehouse: Warehouse) -> None:
    job = warehouse.client.query(f"SELECT n FROM {PROJECT}.listening.t", location="US", job_retry=None)

    with pytest.raises(NotFound, match="was not found in location US"):
        job.result()


def test_a_job_shows_when_it_ran_by_the_laptop_clouds_clock(warehouse: Warehouse) -> None:
    warehouse.clock.set(NOON + timedelta(days=3))
    job = warehouse.start("SELECT n FROM t")
    job.result()

    assert (job.created, job.started, job.ended) == (warehouse.clock.now(),) * 3


def test_of_32_who_start_a_job_with_one_id_one_does_and_all_find_it(warehouse: Warehouse) -> None:
    def race(number: int) -> bool:
        try:
            warehouse.start(INSERT, integer("n", number), job_id="race").result()
        except Conflict:
            warehouse.client.get_job("race", location=LOCATION).result()
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        won = list(pool.map(race, range(32)))

    assert warehouse.rows("SELECT n FROM t") == [(won.index(True),)]
    assert won.count(True) == 1


def test_merges_at_once_each_see_what_the_others_did(warehouse: Warehouse) -> None:
    with ThreadPoolExecutor(16) as pool:
        jobs = list(pool.map(lambda number: warehouse.start(MERGE, integer("n", number % 4)), range(16)))

    assert sorted(job.result().num_dml_affected_rows for job in jobs) == [0] * 12 + [1] * 4
    assert warehouse.rows("SELECT n FROM t ORDER BY n") == [(0,), (1,), (2,), (3,)]


def test_a_query_whose_answer_is_lost_is_not_run_again_when_the_client_repeats_it(warehouse: Warehouse) -> None:
    warehouse.faults.order(Fault("bigquery POST .*/queries", "drop", "after"))

    warehouse.rows(INSERT, integer("n", 1))

    assert warehouse.rows("SELECT n FROM t") == [(1,)]
    assert sum("POST" in call and call.endswith("/queries") for call in warehouse.faults.calls) == 3


def test_a_job_of_an_unused_kind_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(BadRequest, match="A job of another kind"):
        warehouse.client.copy_table(f"{PROJECT}.listening.t", f"{PROJECT}.listening.u")
