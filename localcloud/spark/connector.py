"""The BigQuery connector of the laptop's Spark: answers `format("bigquery")` with extract and load jobs.

It takes the place of PySpark's reader and writer for that format and does what the connector's indirect method
does: Parquet files in a bucket, one load job. The real connector reads through the Storage API instead, lazily
and only the columns that are needed. A write option that the project's job does not use is refused by name.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.cloud.storage import Bucket, Client
from pyspark.sql import DataFrame, DataFrameReader, DataFrameWriter, SparkSession
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from localcloud.gcp.credentials import of_laptop

_SPARK_TYPES: dict[str, DataType] = {
    "STRING": StringType(),
    "INTEGER": LongType(),
    "FLOAT": DoubleType(),
    "BOOLEAN": BooleanType(),
    "TIMESTAMP": TimestampType(),
    "JSON": StringType(),
}
_DISPOSITIONS = {"overwrite": "WRITE_TRUNCATE", "append": "WRITE_APPEND"}
_WRITE_OPTIONS = {
    "writeMethod": "indirect",
    "intermediateFormat": "parquet",
    "createDisposition": "CREATE_NEVER",
    "temporaryGcsBucket": None,
}


class NotImitated(NotImplementedError):
    """The real connector may know this; the stand-in does not, because the project's job does not use it."""


class BadWrite(ValueError):
    """What the real connector refuses too."""


def install() -> None:
    """From now on `format("bigquery")` is answered here, for everything in this process."""
    spark_reader, spark_writer = DataFrameReader.format, DataFrameWriter.format

    def reader(self: DataFrameReader, source: str) -> Any:
        return BigQueryReader(self._spark) if source == "bigquery" else spark_reader(self, source)

    def writer(self: DataFrameWriter, source: str) -> Any:
        return BigQueryWriter(self._df) if source == "bigquery" else spark_writer(self, source)

    DataFrameReader.format, DataFrameWriter.format = reader, writer  # type: ignore[method-assign]


class BigQueryReader:
    """`session.read.format("bigquery")`."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session

    def load(self, table: str) -> DataFrame:
        """The whole table as it is now."""
        client = _bigquery()
        schema = _spark_schema(client.get_table(table))
        bucket = _bucket(os.environ["SPARK_TEMP_BUCKET"])
        blob = bucket.blob(f".spark-bigquery-{uuid.uuid4()}/{table}.parquet")
        config = bigquery.ExtractJobConfig(destination_format="PARQUET")  # type: ignore[no-untyped-call]
        client.extract_table(table, f"gs://{bucket.name}/{blob.name}", job_config=config).result()
        path = Path(tempfile.mkdtemp()) / f"{table}.parquet"
        blob.download_to_filename(str(path))
        blob.delete()
        # The connector hands instants over as they are; Spark's own reader stops at those before 1900.
        modes = {"datetimeRebaseMode": "CORRECTED", "int96RebaseMode": "CORRECTED"}
        return self._session.read.schema(schema).options(**modes).parquet(str(path))


class BigQueryWriter:
    """`frame.write.format("bigquery")`."""

    def __init__(self, frame: DataFrame) -> None:
        self._frame = frame
        self._mode = "errorifexists"
        self._options: dict[str, str] = {}

    def mode(self, mode: str) -> Self:
        if mode not in _DISPOSITIONS:
            raise NotImitated(f"The laptop's connector does not imitate the write mode {mode}")
        self._mode = mode
        return self

    def options(self, **options: str) -> Self:
        for key, value in options.items():
            if key not in _WRITE_OPTIONS or _WRITE_OPTIONS[key] not in (None, value):
                raise NotImitated(f"The laptop's connector does not imitate the write option {key}={value}")
        self._options |= options
        return self

    def save(self, table: str) -> None:
        """Replace the table's rows, or add to them, by one load job: all or nothing."""
        missing = _WRITE_OPTIONS.keys() - self._options.keys()
        if missing or self._mode not in _DISPOSITIONS:
            raise NotImitated(f"The laptop's connector does not imitate a write without {missing or 'a mode'}")
        if described := [field.name for field in self._frame.schema if field.metadata.get("description")]:
            raise NotImitated(f"The laptop's connector writes no descriptions onto the table, but {described} have one")
        client = _bigquery()
        config = bigquery.LoadJobConfig(
            source_format="PARQUET",
            schema=_load_schema(self._frame, client, table),
            write_disposition=_DISPOSITIONS[self._mode],
            create_disposition=self._options["createDisposition"],
        )
        with _in_bucket(self._frame, self._options["temporaryGcsBucket"]) as uris:
            client.load_table_from_uri(uris, table, job_config=config).result()


def _bigquery() -> bigquery.Client:
    return bigquery.Client(os.environ["GOOGLE_CLOUD_PROJECT"], location=os.environ["LOCATION"])


def _bucket(name: str) -> Bucket:
    return Client(os.environ["GOOGLE_CLOUD_PROJECT"], credentials=of_laptop(os.environ)).bucket(name)


def _spark_schema(table: bigquery.Table) -> StructType:
    """The columns' types, and their descriptions as the metadata that Spark carries along."""

    def field(column: bigquery.SchemaField) -> StructField:
        return StructField(column.name, _SPARK_TYPES[column.field_type], metadata={"description": column.description})

    return StructType([field(column) for column in table.schema])


def _load_schema(frame: DataFrame, client: bigquery.Client, table: str) -> list[bigquery.SchemaField]:
    """The frame's columns as the table has them, descriptions and modes included, as the connector gives them."""
    try:
        columns = {column.name: column for column in client.get_table(table).schema}
    except NotFound:
        raise BadWrite(f"Table {table} does not exist, and createDisposition is CREATE_NEVER") from None
    for field in frame.schema:
        if field.name not in columns or _SPARK_TYPES[columns[field.name].field_type] != field.dataType:
            raise BadWrite(f"Column {field.name} of the frame ({field.dataType}) does not fit table {table}")
    return [columns[name] for name in frame.columns]


@contextmanager
def _in_bucket(frame: DataFrame, bucket_name: str) -> Iterator[list[str]]:
    """The frame as Parquet objects, one per partition, for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as directory:
        frame.write.mode("append").parquet(directory)
        bucket, folder = _bucket(bucket_name), f".spark-bigquery-{uuid.uuid4()}"
        blobs = []
        for path in sorted(Path(directory).glob("*.parquet")):
            blobs.append(bucket.blob(f"{folder}/{path.name}"))
            blobs[-1].upload_from_filename(str(path))
        try:
            yield [f"gs://{bucket_name}/{blob.name}" for blob in blobs]
        finally:
            bucket.delete_blobs(blobs)
