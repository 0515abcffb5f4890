"""The laptop BigQuery as a process: up on a port, reads objects as files, stops when it is told, remembers."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def server(data: Path) -> Iterator[tuple[bigquery.Client, str]]:
    command = [sys.executable, "-m", "localcloud.gcp.bigquery.service", "--data", str(data)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        yield bigquery.Client("p", AnonymousCredentials(), client_options={"api_endpoint": url}), url
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_process_loads_what_lies_in_the_buckets_and_knows_it_after_a_restart(tmp_path: Path) -> None:
    landed = tmp_path / "buckets" / "landing" / "plays" / "a.csv"
    landed.parent.mkdir(parents=True)
    landed.write_text("n\n1\n2\n")
    with server(tmp_path) as (client, _):
        client.create_dataset("d")
        config = bigquery.LoadJobConfig(schema=[bigquery.SchemaField("n", "INT64")], skip_leading_rows=1)
        client.load_table_from_uri("gs://landing/plays/a.csv", "p.d.t", job_config=config, job_id="once").result()
    with server(tmp_path) as (client, _):
        rows = [row.n for row in client.query_and_wait("SELECT n FROM d.t ORDER BY n")]
        job = client.get_job("once", location="US")

    assert (rows, job.output_rows) == ([1, 2], 2)


def test_a_process_misbehaves_when_it_is_ordered_to_and_behaves_when_that_is_taken_back(tmp_path: Path) -> None:
    fault = {"match": "bigquery POST .*/queries", "status": 503, "times": None}
    query = {"query": "SELECT 1 AS n", "useLegacySql": False}
    with server(tmp_path) as (client, url):
        requests.post(f"{url}/_localcloud/faults", json=fault, timeout=10).raise_for_status()
        refused = requests.post(f"{url}/bigquery/v2/projects/p/queries", json=query, timeout=10)
        requests.delete(f"{url}/_localcloud/faults", timeout=10).raise_for_status()

        assert refused.status_code == 503
        assert [row.n for row in client.query_and_wait(query["query"])] == [1]
