"""Every failure that the ledger can hold has a next step, and none is for a failure that it cannot."""

import re

import pytest

from pipeline.remedies import MISSING, NEXT_STEPS, is_said, next_step
from pipeline.run_hours import STEPS
from tests.contracts.test_troubles import FUNCTIONS, caught_and_recorded, classes, dead_states


def test_every_failure_of_the_functions_has_a_next_step_and_no_other() -> None:
    load = (FUNCTIONS / "load/load_ledger.py").read_text()
    of_ingest = classes("ingest/failures.py", "Failure")
    of_load = caught_and_recorded("load/load_file.py", "failed") | set(re.findall(r'error_class = "(\w+)"', load))
    of_transform = caught_and_recorded("transform_trigger/trigger_batch.py", "transform_row")
    of_batches = {f"Batch{state.capitalize()}" for state in dead_states()}

    assert {"SecretMislabelled", "QuotaExceeded"} <= of_ingest
    assert {"FileRefused", "RowsRefused"} <= of_load
    assert set(NEXT_STEPS) == of_ingest | of_load | of_transform | of_batches


def test_what_is_only_logged_shows_itself_as_a_missing_record_with_the_way_to_the_log() -> None:
    only_logged = (
        classes("load/load_errors.py", "LoadProblem") | classes("transform_trigger/trigger_errors.py", "TriggerProblem")
    ) - set(NEXT_STEPS)

    assert {"TableUnfit", "JobFailed", "SettingsError", "BatchStillRunning"} <= only_logged
    assert next_step(MISSING, "load").startswith("Read the log of the function load: it leaves no record when")
    assert "terraform apply" in next_step(MISSING, "load")
    assert next_step(MISSING, "transform").startswith("Read the log of the function transform-trigger")


@pytest.mark.parametrize("is_laptop", [False, True])
def test_each_step_without_a_record_has_a_next_step_of_its_own(is_laptop: bool) -> None:
    told = {next_step(MISSING, step, is_laptop=is_laptop) for step in STEPS}

    assert len(told) == len(STEPS)
    assert any("Scheduler" in sentence or "terraform" in sentence for sentence in told) is not is_laptop


@pytest.mark.parametrize("error_class", NEXT_STEPS)
def test_every_command_is_the_laptops_on_the_laptop(error_class: str) -> None:
    in_cloud = next_step(error_class, "ingest", "ania")
    on_laptop = next_step(error_class, "ingest", "ania", is_laptop=True)

    assert "{" not in in_cloud
    assert "--laptop" not in in_cloud
    assert ("--laptop" in on_laptop) is ("python -m cli" in in_cloud)


def test_a_next_step_names_the_listener_and_a_command_for_the_app_any() -> None:
    assert next_step("NeedsConsent", "ingest", "ania") == "Run: python -m cli authorize ania"
    assert next_step("NeedsConsent", "ingest", "ania", is_laptop=True) == "Run: python -m cli authorize ania --laptop"
    assert next_step("ClientRefused", "ingest", "ania") == "Run: python -m cli authorize LISTENER --new-client"


def test_what_no_table_knows_is_waited_for_and_a_batch_has_its_output() -> None:
    assert next_step("ServiceUnavailable", "ingest") == "Nothing: the next run tries again."
    assert next_step("OutOfMemory", "top_tracks").startswith("Read the batch's driver output")


def test_a_command_that_the_reason_names_is_not_said_twice_but_the_laptops_is_another() -> None:
    reason = "consent was revoked, run python -m cli authorize ania"

    assert is_said("Run: python -m cli authorize ania", reason)
    assert not is_said("Run: python -m cli authorize ania --laptop", reason)
    assert not is_said("Run: python -m cli authorize ben", reason)
    assert not is_said("Renew the app owner's Spotify Premium.", reason)
