"""Runs the statements in `queries/`, which name tables without a dataset, and makes their parameters."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY
from google.cloud.bigquery.table import RowIterator

_QUERIES = Path(__file__).parent / "queries"
_API_SECONDS, _QUERY_SECONDS = 20, 60
# The client's own patience, ten minutes and more, outlasts the function.
_RETRY, _JOB_RETRY = DEFAULT_RETRY.with_timeout(60), DEFAULT_JOB_RETRY.with_timeout(60)

Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter


def run_query(client: bigquery.Client, name: str, *parameters: Parameter) -> RowIterator:
    """The rows of `queries/<name>.sql`. The client knows the dataset."""
    return client.query_and_wait(
        _statement(name),
        job_config=bigquery.QueryJobConfig(query_parameters=list(parameters)),
        api_timeout=_API_SECONDS,
        wait_timeout=_QUERY_SECONDS,
        retry=_RETRY,
        job_retry=_JOB_RETRY,
    )


@cache
def _statement(name: str) -> str:
    return (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")


def string(name: str, value: str | None) -> Parameter:
    return bigquery.ScalarQueryParameter(name, "STRING", value)


def integer(name: str, value: int | None) -> Parameter:
    return bigquery.ScalarQueryParameter(name, "INT64", value)


def timestamp(name: str, value: datetime | None) -> Parameter:
    return bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)


def strings(name: str, values: list[str]) -> Parameter:
    return bigquery.ArrayQueryParameter(name, "STRING", values)


def pages(oldest: Mapping[str, datetime], landed: Mapping[str, datetime | None] | None = None) -> Parameter:
    """@pages: each listener's page by its oldest play; with `landed`, the newest landed play before it, too.

    ARRAY<STRUCT<listener_id STRING, oldest TIMESTAMP[, landed TIMESTAMP]>>.
    """
    return bigquery.ArrayQueryParameter(
        "pages",
        "STRUCT",
        [
            bigquery.StructQueryParameter(
                None,
                string("listener_id", listener_id),
                timestamp("oldest", instant),
                *([] if landed is None else [timestamp("landed", landed[listener_id])]),
            )
            for listener_id, instant in oldest.items()
        ],
    )
