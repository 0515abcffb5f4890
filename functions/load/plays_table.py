"""The live table `plays`: its schema and primary key are read, never written down a second time."""

from dataclasses import dataclass

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from bigquery_jobs import CALL_SECONDS, RETRY
from bounds import Conditions
from load_errors import TableUnfit

# The partitioning column. Part of the key, or the MERGE could not be limited to the partitions of the file.
PLAYED_AT = "played_at"


@dataclass(frozen=True)
class PlaysTable:
    table_id: str
    schema: tuple[bigquery.SchemaField, ...]
    key: tuple[str, ...]
    conditions: Conditions
    """Of the columns with bounds."""

    @property
    def columns(self) -> list[str]:
        return [field.name for field in self.schema]

    @property
    def required(self) -> list[bigquery.SchemaField]:
        """The columns without which there is no row."""
        return [field for field in self.schema if field.mode == "REQUIRED"]

    @property
    def optional(self) -> set[str]:
        return {field.name for field in self.schema} - {field.name for field in self.required}

    @property
    def may_be_stored_sql(self) -> str:
        """Whether a row of a staging table may be."""
        bounded = [self.conditions[field.name] for field in self.required if field.name in self.conditions]
        return " AND ".join(bounded) or "TRUE"

    def inside_sql(self, table_id: str) -> str:
        """The rows of a staging table that may be stored; a value that may not, and need not be there, is NULL."""
        bounded = self.optional & self.conditions.keys()
        columns = ", ".join(
            f"IF({self.conditions[name]}, `{name}`, NULL) AS `{name}`" if name in bounded else f"`{name}`"
            for name in self.columns
        )
        return f"SELECT {columns} FROM `{table_id}` WHERE {self.may_be_stored_sql}"  # noqa: S608 -- see describe_sql


def fetch_plays_table(client: bigquery.Client, table_id: str, bounds: Conditions) -> PlaysTable:
    try:
        table = client.get_table(table_id, retry=RETRY, timeout=CALL_SECONDS)
    except NotFound:
        raise TableUnfit(f"The table {table_id} does not exist") from None
    constraints = table.table_constraints
    key = tuple(constraints.primary_key.columns) if constraints and constraints.primary_key else ()
    if PLAYED_AT not in key:
        raise TableUnfit(f"The table {table_id} has no primary key that holds {PLAYED_AT}")
    conditions = {field.name: bounds[field.name] for field in table.schema if field.name in bounds}
    return PlaysTable(table_id, tuple(table.schema), key, conditions)
