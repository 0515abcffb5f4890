"""Puts invented rows into the laptop cloud's tables the way the pipeline does: Parquet in a bucket, one load job."""

import io
import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from google.cloud import bigquery

from localcloud import ledger
from localcloud.gcp.laptop_cloud import LaptopCloud
from localcloud.gcp.set_up import TABLE_FILES

_TYPES = {
    "STRING": pa.string(),
    "INTEGER": pa.int64(),
    "FLOAT": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "JSON": pa.string(),
}


def table_file(table: str) -> Any:
    return json.loads(next(path for path in TABLE_FILES if path.stem == table).read_text())


def schema_of(table: str) -> pa.Schema:
    return pa.schema([(column["name"], _TYPES[column["type"]]) for column in table_file(table)["columns"]])


def rows_of(table: str, rows: Sequence[dict[str, Any]] | pd.DataFrame) -> pa.Table:
    """Rows with all columns of the table, NULL where they say nothing."""
    schema = schema_of(table)
    if not isinstance(rows, pd.DataFrame):
        return pa.Table.from_pylist(rows, schema)
    frame = rows.assign(**dict.fromkeys(set(schema.names).difference(rows)))
    return pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)


def seed(
    cloud: LaptopCloud,
    table: str,
    rows: Sequence[dict[str, Any]] | pd.DataFrame | pa.Table,
    write_disposition: str = "WRITE_APPEND",
) -> None:
    target = io.BytesIO()
    pyarrow.parquet.write_table(rows if isinstance(rows, pa.Table) else rows_of(table, rows), target)
    environment = cloud.environment
    bucket, name = environment["SPARK_TEMP_BUCKET"], f"seeds/{uuid4().hex}.parquet"
    cloud.storage.write(bucket, name, target.getvalue())
    config = bigquery.LoadJobConfig(
        source_format="PARQUET", write_disposition=write_disposition, create_disposition="CREATE_NEVER"
    )
    destination = f"{environment['GOOGLE_CLOUD_PROJECT']}.{environment['DATASET']}.{table}"
    client = ledger.warehouse(environment)
    client.load_table_from_uri(f"gs://{bucket}/{name}", destination, job_config=config).result(timeout=60)
