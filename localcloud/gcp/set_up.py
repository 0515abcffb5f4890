"""Terraform's part on the laptop: names, settings, buckets, topic, datasets and tables.

In plain REST calls, so it needs none of Google's clients; everything may exist already.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from string import Template
from typing import Any, TypeAlias
from urllib.parse import quote

import requests

from localcloud.gcp.credentials import bearer

ROOT = Path(__file__).parents[2]
TABLE_FILES = [
    *sorted((ROOT / "functions/ingest/tables").glob("*.json")),
    *sorted((ROOT / "cli/tables").glob("*.json")),
    *sorted((ROOT / "spark_jobs/tables").glob("*.json")),
]
VIEW_FILES = sorted((ROOT / "functions/ingest/tables").glob("*.sql"))
PLAYS_BOUNDS = json.loads((ROOT / "functions/ingest/tables/plays.json").read_text())["bounds"]
JOB_FILE = ROOT / "spark_jobs/top_tracks.py"

NAMES = {
    "GOOGLE_CLOUD_PROJECT": "heavy-rotation-laptop",
    "LOCATION": "us-central1",
    "DATASET": "listening",
    "STAGING_DATASET": "listening_staging",
    "LANDING_BUCKET": "heavy-rotation-laptop-landing",
    "QUARANTINE_BUCKET": "heavy-rotation-laptop-quarantine",
    "PLAYS_BOUNDS": json.dumps(PLAYS_BOUNDS),
    "PLAYS_LOADED_TOPIC": "plays-loaded",
    "SPARK_TEMP_BUCKET": "heavy-rotation-laptop-spark-temp",
    "SPARK_JOB_URI": "gs://heavy-rotation-laptop-code/top_tracks.py",
    "SPARK_SERVICE_ACCOUNT": "spark@heavy-rotation-laptop.iam.gserviceaccount.com",
}
BUCKETS = [
    NAMES["LANDING_BUCKET"],
    NAMES["QUARANTINE_BUCKET"],
    NAMES["SPARK_TEMP_BUCKET"],
    "heavy-rotation-laptop-code",
]
_SERVICES = ("STORAGE", "SECRETMANAGER", "PUBSUB", "DATAPROC", "GOOGLEAPIS", "BIGQUERY")
_STAGED_MS = 3 * 24 * 3_600_000
"""The default_table_expiration_ms of terraform/load.tf."""
_TIMEOUT_SECONDS = 30
Send: TypeAlias = Callable[[str, str, bytes], tuple[int, str]]


def environment(url: str, credentials: Path) -> dict[str, str]:
    """Every setting the parts read, for a laptop cloud at this address. Spotify's addresses come on top."""
    return {
        **NAMES,
        "GOOGLE_APPLICATION_CREDENTIALS": str(credentials),
        **{f"{service}_EMULATOR_HOST": url for service in _SERVICES},
    }


def create_resources(settings: Mapping[str, str], send: Send) -> None:
    """Create buckets, topic, datasets and tables, and put the Spark job where batches find it.

    `send` takes method, URL and body, and returns status and text.
    """

    def create(method: str, url: str, resource: Mapping[str, Any] | bytes) -> None:
        body = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        status, text = send(method, url, body)
        if status not in (200, 409):
            raise RuntimeError(f"{method} {url}: {status} {text}")

    project, dataset = settings["GOOGLE_CLOUD_PROJECT"], settings["DATASET"]
    storage, bigquery = settings["STORAGE_EMULATOR_HOST"], settings["BIGQUERY_EMULATOR_HOST"]
    for bucket in BUCKETS:
        create("POST", f"{storage}/storage/v1/b?project={project}", {"name": bucket})
    topic = f"projects/{project}/topics/{settings['PLAYS_LOADED_TOPIC']}"
    create("PUT", f"{settings['PUBSUB_EMULATOR_HOST']}/v1/{topic}", {"name": topic})
    datasets = f"{bigquery}/bigquery/v2/projects/{project}/datasets"
    reference = {"projectId": project, "datasetId": dataset}
    create("POST", datasets, {"datasetReference": reference, "location": settings["LOCATION"]})
    staging = {"datasetReference": {"projectId": project, "datasetId": settings["STAGING_DATASET"]}}
    expiration = {"location": settings["LOCATION"], "defaultTableExpirationMs": str(_STAGED_MS)}
    create("POST", datasets, staging | expiration)
    for path in TABLE_FILES:
        create("POST", f"{datasets}/{dataset}/tables", table_resource(path, reference))
    for path in VIEW_FILES:
        create("POST", f"{datasets}/{dataset}/tables", view_resource(path, reference))
    code_bucket, _, name = settings["SPARK_JOB_URI"].removeprefix("gs://").partition("/")
    upload = f"{storage}/upload/storage/v1/b/{code_bucket}/o?uploadType=media&name={quote(name, safe='')}"
    create("POST", upload, JOB_FILE.read_bytes())


def store_secret(
    settings: Mapping[str, str], name: str, labels: Mapping[str, str], make_value: Callable[[], Mapping[str, str]]
) -> None:
    """Create a secret that holds a new value as JSON; one that already holds a value stays as it is."""
    project = f"{settings['SECRETMANAGER_EMULATOR_HOST']}/v1/projects/{settings['GOOGLE_CLOUD_PROJECT']}"
    body = {"replication": {"automatic": {}}, "labels": dict(labels)}
    call = partial(requests.request, headers=bearer(settings), timeout=_TIMEOUT_SECONDS)
    created = call("POST", f"{project}/secrets?secretId={name}", json=body)
    if created.status_code != 409:
        created.raise_for_status()
    elif call("GET", f"{project}/secrets/{name}/versions").json().get("versions"):
        return
    payload = {"payload": {"data": base64.b64encode(json.dumps(make_value()).encode()).decode()}}
    added = call("POST", f"{project}/secrets/{name}:addVersion", json=payload)
    added.raise_for_status()


def table_resource(path: Path, dataset: Mapping[str, str]) -> dict[str, Any]:
    """A table file as the resource that BigQuery's tables.insert takes."""
    table = json.loads(path.read_text())
    resource: dict[str, Any] = {
        "tableReference": {**dataset, "tableId": path.stem},
        "description": table["description"],
        "schema": {"fields": table["columns"]},
    }
    if table["partitioning"]:
        resource["timePartitioning"] = table["partitioning"]
    if table["clustering"]:
        resource["clustering"] = {"fields": table["clustering"]}
    return resource


def view_resource(path: Path, dataset: Mapping[str, str]) -> dict[str, Any]:
    """A view's file, whose first comment says what a row is, as the resource that BigQuery's tables.insert takes."""
    query = Template(path.read_text()).substitute(dataset=f"{dataset['projectId']}.{dataset['datasetId']}")
    return {
        "tableReference": {**dataset, "tableId": path.stem},
        "description": " ".join(re.findall("^-- (.*)$", query, re.MULTILINE)),
        "view": {"query": query, "useLegacySql": False},
    }
