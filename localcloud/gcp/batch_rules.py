"""What Dataproc refuses about a batch before it runs anything."""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.web import ApiError

_BATCH_ID = re.compile(r"[a-z0-9-]{4,63}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_LABEL_KEY = re.compile(r"[a-z]([a-z0-9_-]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)?")
_MOST_LABELS = 32
_CORES = {"4", "8", "16"}
_FEWEST_EXECUTORS = 2
_SHORTEST_TTL_SECONDS, _LONGEST_TTL_SECONDS = 600, 14 * 86_400
_FIELDS = {"pysparkBatch", "runtimeConfig", "environmentConfig", "labels"}


def check_ids(batch_id: str, request_id: str | None) -> None:
    if not _BATCH_ID.fullmatch(batch_id):
        raise _refusal(f"Batch ID {batch_id!r} must be 4-63 characters of [a-z0-9-]")
    if request_id is not None and not _REQUEST_ID.fullmatch(request_id):
        raise _refusal(f"Request ID {request_id!r} must be at most 40 characters of [A-Za-z0-9_-]")


def check_batch(batch: Mapping[str, Any]) -> None:
    for unknown in batch.keys() - _FIELDS:
        raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate batches.{unknown}")
    if not str(batch.get("pysparkBatch", {}).get("mainPythonFileUri", "")).endswith(".py"):
        raise _refusal("pyspark_batch.main_python_file_uri must be a .py file")
    _check_labels(batch.get("labels", {}))
    _check_properties(batch.get("runtimeConfig", {}).get("properties", {}))
    _check_ttl(batch.get("environmentConfig", {}).get("executionConfig", {}).get("ttl"))


def _check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > _MOST_LABELS:
        raise _refusal(f"No more than {_MOST_LABELS} labels can be associated with a batch")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise _refusal(f"The label {key}={value} is not lower case as in RFC 1035")


def _check_properties(properties: Mapping[str, str]) -> None:
    for name in ("spark.driver.cores", "spark.executor.cores"):
        if properties.get(name, "4") not in _CORES:
            raise _refusal(f"{name} must be 4, 8 or 16")
    if int(properties.get("spark.executor.instances", _FEWEST_EXECUTORS)) < _FEWEST_EXECUTORS:
        raise _refusal(f"spark.executor.instances must be at least {_FEWEST_EXECUTORS}")


def _check_ttl(ttl: str | None) -> None:
    """Durations travel as JSON in seconds, such as "1800s"."""
    if ttl is not None and not _SHORTEST_TTL_SECONDS <= float(ttl.removesuffix("s")) <= _LONGEST_TTL_SECONDS:
        raise _refusal("execution_config.ttl must be between 10 minutes and 14 days")


def _refusal(message: str) -> ApiError:
    return ApiError(400, "badRequest", message)
