"""List prices of us-central1 in US dollars, before taxes, each with its page and the day on which it was read.

No project was ever billed by this code: these are readings of price pages, some at second hand; `surety` says which.
Free allowances are per month and per billing account (Cloud Logging's per project).
"""

from dataclasses import dataclass
from typing import Literal

Surety = Literal["page", "second hand", "unconfirmed"]
"""page: a copy of Google's page, whose own day is unknown, was read; second hand: others' dated readings agree;
unconfirmed: the figure that is commonly quoted, whose page was not found."""


@dataclass(frozen=True)
class Page:
    """Where prices stand, and the day on which they were read."""

    address: str
    read: str
    surety: Surety


@dataclass(frozen=True)
class Price:
    """`usd` for one of `unit`, of which `free_units` cost nothing each month."""

    item: str
    unit: str
    usd: float
    free_units: float
    page: Page


_SPARK = Page("cloud.google.com/dataproc-serverless/pricing", "2026-09-28", "second hand")
SPARK_COMPUTE = Price("Spark, compute", "DCU-hours", 0.06, 0, _SPARK)
SPARK_DISK = Price("Spark, shuffle disk", "GB-hours", 0.000054795, 0, _SPARK)
_RUN = Page("cloud.google.com/run/pricing", "2026-11-22", "page")
CPU = Price("Functions and dashboard, processor", "vCPU-seconds", 0.000024, 180_000, _RUN)
MEMORY = Price("Functions and dashboard, memory", "GiB-seconds", 0.0000025, 360_000, _RUN)
REQUESTS = Price("Functions and dashboard, requests", "million", 0.40, 2, _RUN)
_BIGQUERY = Page("cloud.google.com/bigquery/pricing", "2026-09-02", "second hand")
QUERIES = Price("BigQuery, queries", "TiB", 6.25, 1, _BIGQUERY)
TABLES = Price("BigQuery, storage", "GiB", 0.023, 10, _BIGQUERY)
_SECRET_MANAGER = Page("cloud.google.com/secret-manager/pricing", "2026-11-22", "page")
SECRETS = Price("Secret Manager, versions", "versions", 0.06, 6, _SECRET_MANAGER)
SECRET_READS = Price("Secret Manager, reads", "ten thousand", 0.03, 1, _SECRET_MANAGER)
_SCHEDULER = Page("cloud.google.com/scheduler/pricing", "2026-10-01", "second hand")
SCHEDULES = Price("Cloud Scheduler", "job", 0.10, 3, _SCHEDULER)
_STORAGE = Page("cloud.google.com/storage/pricing", "-", "unconfirmed")
OBJECTS = Price("Cloud Storage, data", "GB", 0.020, 5, _STORAGE)
OBJECT_WRITES = Price("Cloud Storage, writes", "thousand", 0.005, 5, _STORAGE)
_PUBSUB = Page("cloud.google.com/pubsub/pricing", "2026-11-22", "page")
MESSAGES = Price("Pub/Sub", "TiB", 40.0, 10 / 1024, _PUBSUB)
_REGISTRY = Page("cloud.google.com/artifact-registry/pricing", "-", "unconfirmed")
IMAGES = Price("Artifact Registry", "GB", 0.10, 0.5, _REGISTRY)
_LOGGING = Page("cloud.google.com/products/observability/pricing", "2026-11-22", "page")
LOGS = Price("Cloud Logging", "GiB", 0.50, 50, _LOGGING)

_COMPUTE = Page("cloud.google.com/compute/vm-instance-pricing", "2026-10-04", "second hand")
VM_MONTH = Price("A VM for Airflow and Spark (e2-standard-2, 8 GB), without its disk", "month", 48.92, 0, _COMPUTE)
_COMPOSER = Page("cloud.google.com/composer/pricing", "2026-09-28", "second hand")
AIRFLOW_MONTH = Price("Managed Airflow (Composer 3), the example on its price page", "month", 526.0, 0, _COMPOSER)
