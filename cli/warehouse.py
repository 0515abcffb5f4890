"""Runs the SQL statements in `queries/` in BigQuery; they name tables without a dataset."""

import io
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

from google.api_core.exceptions import Conflict, NotFound
from google.cloud import bigquery
from google.cloud.bigquery.table import RowIterator

from cli import google_clients
from cli.console import CliError
from cli.place import Place
from ingest_queries import CALL_SECONDS, RETRY, run_text
from ingest_queries import Parameter as Parameter  # for the commands, as the next two
from ingest_queries import integer as integer
from ingest_queries import string as string

Row = dict[str, Any]

MOST_DAYS = timedelta(days=3500)
"""How many days of `plays` one job changes. BigQuery modifies 4,000 partitions at most, and a partition is a day:
https://cloud.google.com/bigquery/quotas#partitioned_tables"""

_QUERIES = Path(__file__).parent / "queries"
_RULE = Path(__file__).parents[1] / "functions/load/queries/same_play.sql"
_RUNS = Path(__file__).parents[1] / "dashboard/warehouse/queries/runs.sql"
_STAGED_FOR = timedelta(hours=1)
_UPLOAD_SECONDS = 120


class Warehouse:
    """The dataset at one place."""

    def __init__(self, place: Place) -> None:
        self._client, self._dataset, self._place = google_clients.warehouse(place), place.dataset, place

    def steps_since(self, slot: datetime) -> list[Row]:
        """Each outcome of a run's step, the oldest first, as the dashboard reads them."""
        found = self._run(_RUNS.read_text(encoding="utf-8"), *instants(since=slot))
        rows = [dict(row) | {"details": json.loads(row["details"] or "null")} for row in found]
        return sorted(rows, key=lambda row: (row["started_at"], row["finished_at"]))

    def stored_plays(self) -> int:
        """The table's own number of rows: nothing is billed for reading it."""
        plays = bigquery.DatasetReference(self._client.project, self._dataset).table("plays")
        return int(self._client.get_table(plays, timeout=CALL_SECONDS).num_rows or 0)

    def drop_staging(self) -> None:
        """The files that load has merged, which stay for three days; a repeat of load makes its table again."""
        for table in self._client.list_tables(self._place.staging_dataset, timeout=CALL_SECONDS):
            self._client.delete_table(table.reference, not_found_ok=True, timeout=CALL_SECONDS)

    @contextmanager
    def staged(self, schema: Sequence[bigquery.SchemaField], csv_parts: Iterable[bytes]) -> Iterator[str]:
        """The id of a new table with the lines of the parts, which are below 5 MB; it is dropped afterwards.

        Where it cannot be dropped, it expires within the hour. Raises CliError where `drop_staging` took it away.
        """
        table_id = f"plays_import_{uuid.uuid4().hex}"
        table = bigquery.Table(f"{self._client.project}.{self._place.staging_dataset}.{table_id}", schema)
        table.expires = self._place.now() + _STAGED_FOR
        with suppress(Conflict):  # the client repeated its call: the name is new, so the table is ours
            self._client.create_table(table, retry=RETRY, timeout=CALL_SECONDS)
        try:
            for number, part in enumerate(csv_parts):
                self._load(table, part, f"{table.table_id}_{number}")
            yield str(table.reference)
        except NotFound as error:
            if table_id not in str(error):
                raise
            raise CliError(
                "Another command, such as `forget`, has emptied the staging dataset meanwhile. Nothing was stored. Run "
                "the command again."
            ) from None
        finally:
            self._client.delete_table(table, not_found_ok=True, retry=RETRY, timeout=CALL_SECONDS)

    def _load(self, table: bigquery.Table, part: bytes, job_id: str) -> None:
        """The id is known, so that an answer that is lost does not load the part twice."""
        config = bigquery.LoadJobConfig(
            schema=table.schema,
            source_format=bigquery.SourceFormat.CSV,
            allow_quoted_newlines=True,
            preserve_ascii_control_characters=True,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
        )
        file, size = io.BytesIO(part), len(part)
        job: Any
        try:
            job = self._client.load_table_from_file(
                file, table, size=size, job_id=job_id, job_config=config, timeout=_UPLOAD_SECONDS
            )
        except Conflict:
            job = self._client.get_job(job_id, location=self._client.location, timeout=CALL_SECONDS)
        job.result(timeout=google_clients.JOB_SECONDS)

    def run(self, name: str, *parameters: Parameter, names: Mapping[str, str] | None = None) -> RowIterator:
        """The answer to `queries/<name>.sql`, with its $names filled in."""
        return self._run(statement(name, names), *parameters)

    def _run(self, text: str, *parameters: Parameter) -> RowIterator:
        return run_text(self._client, text, *parameters, wait_seconds=google_clients.JOB_SECONDS)

    def change_plays(self, name: str, listener: str, *parameters: Parameter) -> int:
        """How many rows `queries/<name>.sql` has changed, in one statement for each stretch of the listener's plays.

        The oldest stretch comes first, from @since until @until. Stopped half way, a repeat does the rest.
        """
        changed = 0
        for plays in self.run("span_of_plays", string("listener_id", listener)):
            since = plays.oldest
            while since is not None and since <= plays.newest:
                span = instants(since=since, until=since + MOST_DAYS)
                changed += self.run(name, *parameters, *span).num_dml_affected_rows or 0
                since += MOST_DAYS
        return changed


def statement(name: str, names: Mapping[str, str] | None = None) -> str:
    """The text of `queries/<name>.sql`, with its $names filled in."""
    text = (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")
    return Template(text).substitute(names) if names else text


def same_play_rule() -> str:
    """When two rows are one play: load's own rule, over the rows that the statement around it names."""
    return _RULE.read_text(encoding="utf-8")


def structs(name: str, rows: Iterable[Sequence[bigquery.ScalarQueryParameter]]) -> bigquery.ArrayQueryParameter:
    """@name: ARRAY<STRUCT<…>>, a struct for each row with its fields."""
    return bigquery.ArrayQueryParameter(name, "STRUCT", [bigquery.StructQueryParameter(None, *row) for row in rows])


def instants(**values: datetime | None) -> list[bigquery.ScalarQueryParameter]:
    return [bigquery.ScalarQueryParameter(name, "TIMESTAMP", value) for name, value in values.items()]
