"""What BigQuery would bill for the dashboard's queries, by the sizes that its documentation gives to types.

https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#data_type_sizes; at least 10 MB for every table
of a query, whole megabytes above that: https://cloud.google.com/bigquery/pricing#on_demand_pricing
"""

import math
import re
from pathlib import Path

import pandas as pd

QUERIES = Path(__file__).parents[2] / "dashboard" / "warehouse" / "queries"
MEGABYTE = 2**20
EVERY_COLUMN = "everything"
"""The one query that selects *."""
_MINIMUM_MEGABYTES = 10
_FIXED_BYTES = {"explicit": 1, "skipped": 1}
_EIGHT_BYTES = 8


def billed_megabytes(query: str, rows: pd.DataFrame, listeners: int = 1) -> int:
    """For one query that reads these rows of its table, and as many of each other listener.

    Clustering leaves out no rows here: it works on blocks, and BigQuery's documentation counts on it from 64 MB of a
    partition on. A day of five listeners has less than 64 KB.
    """
    return max(math.ceil(scanned_bytes(query, rows) * listeners / MEGABYTE), _MINIMUM_MEGABYTES)


def scanned_bytes(query: str, rows: pd.DataFrame) -> int:
    """Every column that the query names, over all rows."""
    text = re.sub(r"--.*", "", (QUERIES / f"{query}.sql").read_text())
    words = set(re.findall(r"[a-z_]+", text))
    return sum(column_bytes(rows[name]) for name in rows.columns if query == EVERY_COLUMN or name in words)


def column_bytes(column: pd.Series) -> int:
    """NULL takes nothing, a text two bytes and its UTF-8."""
    known = column.dropna()
    if pd.api.types.is_string_dtype(known) and not pd.api.types.is_numeric_dtype(known):
        return int((known.astype(str).str.encode("utf-8").str.len() + 2).sum())
    return len(known) * _FIXED_BYTES.get(str(column.name), _EIGHT_BYTES)
