from tests.spark_jobs.conftest import spark as spark
