"""Asks the warehouse with the statements in `queries/`, which name tables without a dataset."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY
from google.cloud.bigquery.table import RowIterator

from cli import google_clients
from cli.place import Place

Row = dict[str, Any]
Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter

_QUERIES = Path(__file__).parent / "queries"
_STAGING = "plays_staging_"
"""How the names of load's staging tables begin."""
_API_SECONDS, _QUERY_SECONDS = 20, 60


class Warehouse:
    """The dataset at one place."""

    def __init__(self, place: Place) -> None:
        self._client, self._dataset = google_clients.warehouse(place), place.dataset

    def last_plays(self) -> list[Row]:
        return self._rows("last_plays")

    def visits(self, since: datetime) -> list[Row]:
        return self._rows("visits", bigquery.ScalarQueryParameter("since", "TIMESTAMP", since))

    def newest_steps(self, limit: int) -> list[Row]:
        return self._rows("newest_steps", bigquery.ScalarQueryParameter("limit", "INT64", limit))

    def steps_since(self, slot: datetime) -> list[Row]:
        return self._rows("steps_since", bigquery.ScalarQueryParameter("since", "TIMESTAMP", slot))

    def stored_plays(self) -> int:
        """The table's own number of rows: nothing is billed for asking."""
        plays = bigquery.DatasetReference(self._client.project, self._dataset).table("plays")
        return int(self._client.get_table(plays, timeout=_API_SECONDS).num_rows or 0)

    def drop_staging(self) -> None:
        """The files that load has merged, which stay for three days; a repeat of load makes its table anew."""
        for table in self._client.list_tables(self._dataset, timeout=_API_SECONDS):
            if table.table_id.startswith(_STAGING):
                self._client.delete_table(table.reference, not_found_ok=True, timeout=_API_SECONDS)

    def _rows(self, name: str, *parameters: Parameter) -> list[Row]:
        return [dict(row) for row in self.run(name, *parameters)]

    def run(self, name: str, *parameters: Parameter) -> RowIterator:
        """The answer to `queries/<name>.sql`."""
        return self._client.query_and_wait(
            _statement(name),
            job_config=bigquery.QueryJobConfig(query_parameters=list(parameters)),
            api_timeout=_API_SECONDS,
            wait_timeout=_QUERY_SECONDS,
            retry=bigquery.DEFAULT_RETRY.with_timeout(_QUERY_SECONDS),
            job_retry=DEFAULT_JOB_RETRY.with_timeout(_QUERY_SECONDS),
        )


@cache
def _statement(name: str) -> str:
    return (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")
