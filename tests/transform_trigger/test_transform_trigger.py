"""The function transform_trigger from the message to the batch, on the laptop cloud and with Google's clients."""

import re
from datetime import datetime, timedelta

import pytest

from batches import free_batch_ids
from localcloud.faults import Fault
from plays_loaded import PlaysLoaded, slot_of
from tests.event_function import entries
from tests.transform_trigger.harness import (
    CREATE,
    ELEVEN,
    ELEVENS_BATCH,
    ELEVENS_ROW,
    NOON,
    TEN,
    TENS_BATCH,
    TENS_ROW,
    ledger_row,
)


def test_new_plays_become_a_batch_and_a_row_in_the_ledger(triggering, capsys):
    triggering.publish(TEN)

    assert triggering.deliver() == [200]

    (batch,) = triggering.cloud.dataproc.batches()
    assert batch["name"] == f"projects/heavy-rotation-laptop/locations/us-central1/batches/{TENS_BATCH}"
    assert batch["labels"] == {"app": "heavy-rotation", "job": "top-tracks", "run": "r20261122t100000z"}
    assert batch["pysparkBatch"]["mainPythonFileUri"] == "gs://heavy-rotation-laptop-code/top_tracks.py"
    assert triggering.ledger() == [TENS_ROW]
    assert entries(capsys) == [
        {
            "severity": "INFO",
            "message": "A batch was submitted",
            "run_id": TEN,
            "rows_new": 12,
            "reason": f"Batch {TENS_BATCH} submitted for 12 new plays.",
            "error_class": None,
        }
    ]


def test_the_jobs_arguments_name_where_to_read_and_the_moment_it_counts_to(triggering):
    triggering.publish(TEN)
    triggering.deliver()

    (batch,) = triggering.cloud.dataproc.batches()
    arguments = dict(argument.split("=", 1) for argument in batch["pysparkBatch"]["args"])
    as_of = datetime.fromisoformat(arguments.pop("--as-of"))
    assert abs(as_of - datetime.fromisoformat(batch["createTime"])) < timedelta(seconds=30)
    assert arguments == {
        "--project": "heavy-rotation-laptop",
        "--dataset": "listening",
        "--temp-bucket": "heavy-rotation-laptop-spark-temp",
        "--run-id": TEN,
        "--slot": "2026-11-22T10:00:00+00:00",
    }


def test_the_batch_is_the_smallest_that_dataproc_takes_and_cannot_run_for_long(triggering):
    triggering.publish(TEN)
    triggering.deliver()

    (batch,) = triggering.cloud.dataproc.batches()
    assert batch["runtimeConfig"] == {
        "version": "2.3",
        "properties": {
            "spark.driver.cores": "4",
            "spark.executor.cores": "4",
            "spark.executor.instances": "2",
            "spark.dynamicAllocation.enabled": "false",
            "spark.driver.memory": "4g",
            "spark.driver.memoryOverhead": "1g",
            "spark.executor.memory": "4g",
            "spark.executor.memoryOverhead": "1g",
            "spark.dataproc.driver.disk.size": "250g",
            "spark.dataproc.executor.disk.size": "250g",
            "spark.dataproc.driver.compute.tier": "standard",
            "spark.dataproc.executor.compute.tier": "standard",
            "spark.sql.shuffle.partitions": "8",
            "spark.sql.adaptive.enabled": "false",
        },
    }
    assert batch["environmentConfig"]["executionConfig"] == {
        "serviceAccount": "spark@heavy-rotation-laptop.iam.gserviceaccount.com",
        "ttl": "1800s",
        "stagingBucket": "heavy-rotation-laptop-spark-temp",
        "authenticationConfig": {"userWorkloadAuthenticationType": 1},  # SERVICE_ACCOUNT
    }


def test_what_is_sent_keeps_dataprocs_limits(triggering):
    triggering.publish(TEN)
    triggering.deliver()

    (batch,) = triggering.cloud.dataproc.batches()
    properties, ttl = batch["runtimeConfig"]["properties"], batch["environmentConfig"]["executionConfig"]["ttl"]
    assert {properties["spark.driver.cores"], properties["spark.executor.cores"]} <= {"4", "8", "16"}
    assert int(properties["spark.executor.instances"]) >= 2
    assert 600 <= int(ttl.removesuffix("s")) <= 14 * 86_400
    # Of RFC 1035, as Google's shared.proto says.
    assert all(re.fullmatch("[a-z][a-z0-9-]{0,62}", text) for label in batch["labels"].items() for text in label)
    plays = PlaysLoaded(TEN, slot_of(TEN), rows_new=1, committed_at=slot_of(TEN))
    for batch_id in free_batch_ids([], plays):  # each is the request id, too, which has 40 characters at most
        assert re.fullmatch("[a-z0-9-]{4,40}", batch_id)


def test_a_batch_runs_in_the_subnetwork_that_is_set(triggering, monkeypatch):
    monkeypatch.setenv("SPARK_SUBNETWORK", "projects/p/regions/us-central1/subnetworks/spark")
    triggering.publish(TEN)
    triggering.deliver()

    (batch,) = triggering.cloud.dataproc.batches()
    execution = batch["environmentConfig"]["executionConfig"]
    assert execution["subnetworkUri"] == "projects/p/regions/us-central1/subnetworks/spark"


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "SUCCEEDED"])
def test_a_message_that_comes_again_changes_nothing(triggering, state):
    triggering.publish(TEN)
    triggering.deliver()
    if state == "RUNNING":
        triggering.cloud.dataproc.start(TENS_BATCH)
    if state == "SUCCEEDED":
        triggering.finish(TEN)

    assert triggering.post_event() == 200

    assert triggering.batch_ids() == [TENS_BATCH]
    assert triggering.ledger() == [TENS_ROW]


def test_messages_out_of_order_need_one_batch_only(triggering):
    # Both were merged before the first is looked at, so the batch of either reads the plays of both.
    triggering.publish(ELEVEN)
    triggering.publish(TEN)

    assert triggering.deliver() == [200, 200]

    assert triggering.batch_ids() == [ELEVENS_BATCH]
    reason = f"Batch {ELEVENS_BATCH} was created after these plays were merged and covers them."
    assert triggering.ledger() == [ledger_row(TEN, "transform", "skipped", reason, 12), ELEVENS_ROW]
    assert [triggering.post_event(event) for event in triggering.events[:2]] == [200, 200]
    assert len(triggering.ledger()) == 2


def test_plays_that_come_while_a_batch_runs_get_one_when_it_is_over(triggering, capsys):
    triggering.publish(TEN)
    triggering.deliver()
    triggering.cloud.dataproc.start(TENS_BATCH)
    triggering.publish(ELEVEN)
    entries(capsys)

    assert triggering.deliver() == [500]
    assert entries(capsys) == [
        {
            "severity": "NOTICE",
            "message": "The message is redelivered until the running batch has ended",
            "run_id": ELEVEN,
            "reason": f"Batch {TENS_BATCH} is still RUNNING.",
        }
    ]
    assert triggering.deliver() == [500]
    assert triggering.batch_ids() == [TENS_BATCH]
    assert triggering.ledger() == [TENS_ROW]

    triggering.finish(TEN)
    assert triggering.deliver() == [200]
    assert triggering.batch_ids() == [TENS_BATCH, ELEVENS_BATCH]
    assert triggering.ledger() == [TENS_ROW, ELEVENS_ROW]


def test_a_batch_of_ours_is_found_behind_many_of_other_jobs(triggering):
    triggering.publish(TEN)
    triggering.deliver()
    for number in range(60):
        triggering.create_batch(f"another-job-{number}")
    triggering.publish(ELEVEN)
    assert triggering.deliver() == [500]
    triggering.finish(TEN)
    assert triggering.deliver() == [200]
    assert triggering.batch_ids()[-1] == ELEVENS_BATCH


@pytest.mark.parametrize(
    ("state", "message", "reason", "error_class"),
    [
        *[("FAILED", "Job failed with exit code 1", "failed: Job failed with exit code 1", "BatchFailed")],
        *[("CANCELLED", "", "was cancelled: Dataproc does not say why", "BatchCancelled")],
    ],
)
def test_after_a_batch_died_the_next_load_submits_again_and_the_ledger_says_so(
    triggering, capsys, state, message, reason, error_class
):
    triggering.publish(TEN)
    triggering.deliver()
    triggering.finish(TEN, state, message)
    triggering.publish(ELEVEN)
    entries(capsys)

    assert triggering.deliver() == [200]

    failed, submitted = entries(capsys)
    assert submitted["message"] == "A batch was submitted"
    assert failed == {
        "severity": "ERROR",
        "message": "A Spark batch failed",
        "run_id": TEN,
        "reason": f"Batch {TENS_BATCH} {reason}",
        "error_class": error_class,
    }

    assert triggering.batch_ids() == [TENS_BATCH, ELEVENS_BATCH]
    failure = ledger_row(TEN, "top_tracks", "failed", f"Batch {TENS_BATCH} {reason}", error_class=error_class)
    assert triggering.ledger() == [failure, TENS_ROW, ELEVENS_ROW]


def test_a_failure_that_the_job_itself_recorded_is_recorded_once_more_with_what_dataproc_says(triggering):
    triggering.publish(TEN)
    triggering.deliver()
    triggering.finish(TEN, "FAILED", "exit code 1")
    triggering.warehouse.query_and_wait(
        f"INSERT INTO listening.runs (run_id, slot, step, state, started_at, finished_at, reason) VALUES "
        f"('{TEN}', TIMESTAMP '2026-11-22 10:00:00+00', 'top_tracks', 'failed', "
        "TIMESTAMP '2026-11-22 10:20:00+00', TIMESTAMP '2026-11-22 10:20:40+00', 'The job knows better.')"
    )
    triggering.publish(ELEVEN)

    assert triggering.deliver() == [200]

    reasons = {row["reason"] for row in triggering.ledger() if row["step"] == "top_tracks"}
    assert reasons == {"The job knows better.", f"Batch {TENS_BATCH} failed: exit code 1"}


def test_a_row_whose_job_failed_is_added_by_the_next_delivery_under_another_id(triggering):
    triggering.publish(TEN)
    triggering.cloud.faults.order(Fault("bigquery job query ledger-", "fail"))
    assert (triggering.deliver(), triggering.ledger()) == ([500], [])

    assert (triggering.deliver(), triggering.post_event()) == ([200], 200)

    assert triggering.ledger() == [TENS_ROW]


def test_a_repeat_after_the_runs_own_batch_failed_takes_the_next_id_and_gives_up_after_three(triggering, capsys):
    triggering.publish(TEN)
    triggering.deliver()
    for suffix in ("", "-2"):
        triggering.finish(TEN, "FAILED", "exit code 1", suffix)
        assert triggering.post_event() == 200
    assert triggering.batch_ids() == [TENS_BATCH, f"{TENS_BATCH}-2", f"{TENS_BATCH}-3"]
    triggering.finish(TEN, "FAILED", "exit code 1", "-3")
    entries(capsys)

    assert triggering.post_event() == 200

    assert len(triggering.batch_ids()) == 3
    (failed,) = [row for row in triggering.ledger() if (row["step"], row["state"]) == ("transform", "failed")]
    reason = "Every batch id of this run is taken; the next load submits again."
    assert failed == ledger_row(TEN, "transform", "failed", reason, 12, "BatchRefused")
    assert [(entry["severity"], entry["message"]) for entry in entries(capsys)] == [
        ("ERROR", "A Spark batch failed"),
        ("ERROR", "No batch can be submitted"),
    ]


def test_between_two_batches_lies_the_interval_that_is_set(triggering, monkeypatch):
    monkeypatch.setenv("TOP_TRACKS_MIN_INTERVAL_MINUTES", "360")
    triggering.cloud.clock.set(triggering.cloud.clock.now() - timedelta(hours=7))
    triggering.publish(TEN, committed_ago=timedelta(hours=8))
    triggering.deliver()
    triggering.finish(TEN)

    triggering.publish(ELEVEN)
    assert triggering.deliver() == [200]
    triggering.finish(ELEVEN)
    triggering.cloud.clock.set(triggering.cloud.clock.now() + timedelta(hours=7))
    triggering.publish(NOON)
    triggering.deliver()
    assert triggering.batch_ids() == [TENS_BATCH, ELEVENS_BATCH, "top-tracks-20261122t120000z"]

    triggering.publish("20261122T130000Z")
    assert triggering.deliver() == [200]
    assert len(triggering.batch_ids()) == 3
    reason = "Batch top-tracks-20261122t120000z is younger than the minimum interval of 6 h."
    assert triggering.ledger()[-1] == ledger_row("20261122T130000Z", "transform", "skipped", reason, 12)


def test_new_plays_after_two_failed_batches_are_not_said_to_need_none(triggering, monkeypatch, capsys):
    monkeypatch.setenv("TOP_TRACKS_MIN_INTERVAL_MINUTES", "360")
    for run_id in (TEN, ELEVEN):
        triggering.publish(run_id)
        triggering.deliver()
        triggering.finish(run_id, "FAILED")
    triggering.publish(NOON)
    entries(capsys)
    assert triggering.deliver() == [200]
    said = [(entry["severity"], entry["message"]) for entry in entries(capsys)]
    assert said == [("ERROR", "A Spark batch failed"), ("INFO", "No batch is started")]


def test_an_id_taken_meanwhile_by_a_twin_delivery_counts_as_submitted(triggering):
    triggering.publish(TEN)
    triggering.cloud.faults.order(Fault(CREATE, "stop"))
    assert triggering.deliver() == [500]
    triggering.cloud.faults.clear()
    triggering.create_batch(TENS_BATCH, requestId="another")

    assert triggering.deliver() == [200]

    assert triggering.batch_ids() == [TENS_BATCH]
    assert triggering.ledger() == [TENS_ROW]


def test_an_id_taken_by_a_batch_that_covers_nothing_gives_way_to_the_next(triggering):
    # Without our labels it is not in the list, so only the refused id shows it.
    triggering.create_batch(TENS_BATCH)
    triggering.finish(TEN, "FAILED")
    triggering.publish(TEN)

    assert triggering.deliver() == [200]

    assert triggering.batch_ids() == [TENS_BATCH, f"{TENS_BATCH}-2"]
    reason = f"Batch {TENS_BATCH}-2 submitted for 12 new plays."
    assert triggering.ledger() == [ledger_row(TEN, "transform", "succeeded", reason, 12)]


def test_a_run_that_is_merged_twice_gets_a_batch_for_each(triggering):
    triggering.publish(TEN)
    triggering.deliver()
    triggering.finish(TEN)
    triggering.publish(TEN, rows_new=1)

    assert triggering.deliver() == [200]

    assert triggering.batch_ids() == [TENS_BATCH, f"{TENS_BATCH}-2"]
