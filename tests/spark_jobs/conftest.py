"""One Spark session for all tests of the job: one core, one shuffle partition, nothing a test does not need."""

import os
import shlex
import sys
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from localcloud.spark.java import QUICK_START, SPARK_HOME, find_java


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    properties = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    submit = ["--master", "local[1]", "--driver-java-options", shlex.join(QUICK_START)]
    submit += [part for key, value in properties.items() for part in ("--conf", f"{key}={value}")]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAVA_HOME", str(find_java(os.environ).home))
        environment.setenv("SPARK_HOME", str(SPARK_HOME))
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        environment.setenv("PYSPARK_PYTHON", sys.executable)
        environment.setenv("PYSPARK_SUBMIT_ARGS", shlex.join([*submit, "pyspark-shell"]))
        session = SparkSession.builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()
