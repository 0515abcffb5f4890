"""Calls Dataproc Serverless: lists batches, submits one. Never waits for a batch."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from google.api_core.exceptions import BadRequest, Conflict, Forbidden, GoogleAPICallError, NotFound
from google.api_core.retry import Retry
from google.cloud import dataproc_v1

from batches import LABELS, KnownBatch, label_of_run, run_of_label
from plays_loaded import PlaysLoaded
from trigger_cloud import Settings
from trigger_errors import BatchForbidden, BatchRefused, BatchUnknown, without_addresses

_CALL_SECONDS = 60
# The client's own configuration for these calls has no retry. Repeating create_batch is safe: the request id
# makes the repetition return the first one's batch.
_RETRY = Retry(initial=0.5, maximum=10, timeout=120)
# The decision needs the newest batches only. One runs at a time, and takes minutes.
_LISTED = 50

# The smallest shape that Dataproc Serverless takes: 12 vCPU, three disks. A few thousand rows fit anywhere.
_PROPERTIES = {
    "spark.driver.cores": "4",
    "spark.executor.cores": "4",
    "spark.executor.instances": "2",
    "spark.dynamicAllocation.enabled": "false",
    # 5 GB a machine with what Python takes, instead of the default of about 16: a GB is billed like a sixth of a core,
    # and a million plays fit into 4 GB (docs/performance.md).
    "spark.driver.memory": "4g",
    "spark.driver.memoryOverhead": "1g",
    "spark.executor.memory": "4g",
    "spark.executor.memoryOverhead": "1g",
    "spark.dataproc.driver.disk.size": "250g",
    "spark.dataproc.executor.disk.size": "250g",
    "spark.dataproc.driver.compute.tier": "standard",
    "spark.dataproc.executor.compute.tier": "standard",
    "spark.sql.shuffle.partitions": "8",
    # Planning again after each stage takes longer than it saves when every stage takes a second.
    "spark.sql.adaptive.enabled": "false",
}
_RUNTIME = "2.3"
# Batches of this size have ended within 7 minutes (docs/deploy.md); without a limit one that hangs is paid for 4 hours.
_TIME_TO_LIVE = timedelta(minutes=30)
# From runtime 3.0 on a batch would otherwise act as the identity that submitted it.
_AS_SERVICE_ACCOUNT = dataproc_v1.AuthenticationConfig(
    user_workload_authentication_type=dataproc_v1.AuthenticationConfig.AuthenticationType.SERVICE_ACCOUNT
)


def fetch_batches(client: dataproc_v1.BatchControllerClient, settings: Settings) -> list[KnownBatch]:
    """The newest batches of this project's job, chosen here by their labels.

    Dataproc has answered a filter on labels with an empty list and no error
    (googleapis/google-cloud-python issue 13692).
    """
    request = dataproc_v1.ListBatchesRequest(parent=settings.parent, order_by="create_time desc", page_size=_LISTED)
    batches = client.list_batches(request=request, retry=_RETRY, timeout=_CALL_SECONDS)
    mine = (batch for batch in batches if LABELS.items() <= dict(batch.labels).items())
    return [_known(batch) for batch in islice(mine, _LISTED)]


def submit_batch(
    client: dataproc_v1.BatchControllerClient,
    settings: Settings,
    plays: PlaysLoaded,
    batch_ids: Sequence[str],
    now: datetime,
) -> str:
    """The id of the batch that covers the plays: a new one under the first of `batch_ids` that is free.

    Raises BatchRefused or BatchForbidden when Dataproc does not take it, BatchRefused also when no id is free, and
    Dataproc's own error where a later try may succeed.
    """
    batch = spark_batch(settings, plays, now)
    for batch_id in batch_ids:
        request = dataproc_v1.CreateBatchRequest(
            parent=settings.parent, batch=batch, batch_id=batch_id, request_id=batch_id
        )
        try:
            client.create_batch(request=request, retry=_RETRY, timeout=_CALL_SECONDS)
        except (BadRequest, NotFound) as error:
            if "is not ready" in error.message:  # a subnetwork that is being changed (apache/airflow#42703)
                raise
            raise BatchRefused(f"Dataproc refuses the batch: {_message_of(error)}") from None
        except Forbidden as error:
            reason = f"Dataproc denies the function the permission to submit: {_message_of(error)}"
            raise BatchForbidden(reason) from None
        except Conflict as error:
            # Created by us and the answer was lost, or by an older batch that the list did not show any more. Or there
            # is no such batch: ABORTED has the same code, and its message says why.
            name = f"{settings.parent}/batches/{batch_id}"
            try:
                existing = client.get_batch(name=name, retry=_RETRY, timeout=_CALL_SECONDS)
            except NotFound:
                raise error from None
            if not _known(existing).covers(plays):
                continue
        return batch_id
    raise BatchRefused("Every batch id of this run is taken; the next load submits again")


def spark_batch(settings: Settings, plays: PlaysLoaded, now: datetime) -> dataproc_v1.Batch:
    return dataproc_v1.Batch(
        labels={**LABELS, "run": label_of_run(plays.run_id)},
        pyspark_batch=dataproc_v1.PySparkBatch(
            main_python_file_uri=settings.job_uri, args=job_arguments(settings, plays, now)
        ),
        runtime_config=dataproc_v1.RuntimeConfig(version=_RUNTIME, properties=_PROPERTIES),
        environment_config=dataproc_v1.EnvironmentConfig(
            execution_config=dataproc_v1.ExecutionConfig(
                service_account=settings.service_account,
                # None: the region's default subnetwork.
                subnetwork_uri=settings.subnetwork,
                ttl=_TIME_TO_LIVE,
                # Without it Dataproc makes a bucket of its own, which the batch's identity cannot be granted.
                staging_bucket=settings.temp_bucket,
                authentication_config=_AS_SERVICE_ACCOUNT,
            )
        ),
    )


def job_arguments(settings: Settings, plays: PlaysLoaded, now: datetime) -> list[str]:
    return [
        f"--project={settings.project}",
        f"--dataset={settings.dataset}",
        f"--temp-bucket={settings.temp_bucket}",
        f"--run-id={plays.run_id}",
        f"--slot={plays.slot.isoformat()}",
        f"--as-of={now.isoformat()}",
    ]


def _known(batch: dataproc_v1.Batch) -> KnownBatch:
    if batch.create_time is None or batch.state_time is None:
        raise BatchUnknown(f"Dataproc's answer does not say since when the batch {batch.name} is there")
    return KnownBatch(
        batch_id=batch.name.rpartition("/")[2],
        run_id=run_of_label(batch.labels.get("run", "")),
        state=batch.state.name,
        created_at=batch.create_time,
        state_since=batch.state_time,
        state_message=without_addresses(batch.state_message),
    )


def _message_of(error: GoogleAPICallError) -> str:
    """Google's message, without the call's address that the client puts before it."""
    return without_addresses(error.message.partition(": ")[2] or error.message)
