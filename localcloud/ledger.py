"""Reads the ledger and the tables of a running laptop cloud with Google's own client, for people's eyes."""

from collections.abc import Mapping
from typing import Any

from google.cloud import bigquery

from localcloud.gcp.credentials import of_laptop

Settings = Mapping[str, str]


def warehouse(settings: Settings) -> bigquery.Client:
    return bigquery.Client(
        project=settings["GOOGLE_CLOUD_PROJECT"],
        location=settings["LOCATION"],
        credentials=of_laptop(settings),
        client_options={"api_endpoint": settings["BIGQUERY_EMULATOR_HOST"]},
    )


def read(settings: Settings, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of a statement in which {dataset} stands for the dataset's full name."""
    dataset = f"{settings['GOOGLE_CLOUD_PROJECT']}.{settings['DATASET']}"
    config = bigquery.QueryJobConfig(
        query_parameters=[
            bigquery.ScalarQueryParameter(name, {str: "STRING", int: "INT64"}[type(value)], value)
            for name, value in parameters.items()
        ]
    )
    rows = warehouse(settings).query_and_wait(sql.format(dataset=dataset), job_config=config)
    return [dict(row) for row in rows]


def rows_of_run(settings: Settings, run_id: str) -> list[dict[str, Any]]:
    """What the ledger says of one run, in the order of its steps."""
    sql = "SELECT run_id, step, state, reason FROM `{dataset}.runs` WHERE run_id = @run_id ORDER BY finished_at"
    return read(settings, sql, run_id=run_id)


def last_rows(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """The newest rows of the ledger, newest first."""
    sql = "SELECT run_id, step, state, reason FROM `{dataset}.runs` ORDER BY finished_at DESC LIMIT @limit"
    return read(settings, sql, limit=limit)
