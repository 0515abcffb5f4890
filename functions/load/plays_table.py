"""The live table `plays`: its schema and primary key are read, never written down a second time."""

from dataclasses import dataclass

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from bigquery_jobs import CALL_SECONDS, RETRY
from load_errors import TableUnfit

# The partitioning column. Part of the key, or the MERGE could not be limited to the partitions of the file.
PLAYED_AT = "played_at"


@dataclass(frozen=True)
class PlaysTable:
    table_id: str
    schema: tuple[bigquery.SchemaField, ...]
    key: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        return [field.name for field in self.schema]


def fetch_plays_table(client: bigquery.Client, table_id: str) -> PlaysTable:
    try:
        table = client.get_table(table_id, retry=RETRY, timeout=CALL_SECONDS)
    except NotFound:
        raise TableUnfit(f"The table {table_id} does not exist") from None
    constraints = table.table_constraints
    key = tuple(constraints.primary_key.columns) if constraints and constraints.primary_key else ()
    if PLAYED_AT not in key:
        raise TableUnfit(f"The table {table_id} has no primary key that holds {PLAYED_AT}")
    return PlaysTable(table_id, tuple(table.schema), key)
