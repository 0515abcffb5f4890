"""The stand-in for the connector refuses what it does not imitate; that it works is shown by whole batches."""

from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql.types import DoubleType, StructField, StructType

from localcloud.spark.connector import BigQueryWriter, NotImitated

FRAME: Any = None  # refused before any frame or session is looked at
OPTIONS = {
    "writeMethod": "indirect",
    "intermediateFormat": "parquet",
    "createDisposition": "CREATE_NEVER",
    "temporaryGcsBucket": "spark-temp",
}


@pytest.mark.parametrize(
    ("option", "value"),
    [("allowFieldAddition", "true"), ("writeMethod", "direct"), ("intermediateFormat", "avro"), ("nonsense", "1")],
)
def test_a_write_option_or_its_value_is_refused_by_name(option: str, value: str) -> None:
    with pytest.raises(NotImitated, match=f"{option}={value}"):
        BigQueryWriter(FRAME).mode("append").options(**{option: value})


@pytest.mark.parametrize("missing", OPTIONS)
def test_a_write_that_leaves_an_option_to_the_connectors_defaults_is_refused(missing: str) -> None:
    options = {key: value for key, value in OPTIONS.items() if key != missing}
    with pytest.raises(NotImitated, match=missing):
        BigQueryWriter(FRAME).mode("append").options(**options).save("p.d.t")


def test_a_write_mode_that_would_not_replace_or_append_is_refused() -> None:
    with pytest.raises(NotImitated, match="ignore"):
        BigQueryWriter(FRAME).mode("ignore")
    with pytest.raises(NotImitated, match="mode"):
        BigQueryWriter(FRAME).options(**OPTIONS).save("p.d.t")


def test_a_column_that_carries_a_description_is_refused() -> None:
    schema = StructType([StructField("minutes", DoubleType(), metadata={"description": "Of `plays`."})])
    with pytest.raises(NotImitated, match=r"but \['minutes'\] have one"):
        BigQueryWriter(SimpleNamespace(schema=schema)).mode("append").options(**OPTIONS).save("p.d.t")
