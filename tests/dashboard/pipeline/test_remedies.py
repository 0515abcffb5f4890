"""Every failure has a next step, in the ledger's own sentence or here, and none has two; the link to a log."""

import re
from urllib.parse import unquote

import pytest

from pipeline.remedies import MISSING, NEXT_STEPS, logs_url, next_step
from pipeline.run_hours import STEPS
from tests.contracts.test_troubles import FUNCTIONS, OTHER_EXCEPTIONS, ROOT, caught_and_recorded, classes, dead_states
from tests.dashboard.invented.history import at

TROUBLES = (ROOT / "docs/troubles.md").read_text()
NAMES_A_STEP = re.compile(
    "run `python -m cli |correct it|the next run tries|the first run after it|renew it|add it|see whether"
)


def test_every_failure_of_ingest_names_its_next_step_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FUNCTIONS / "ingest")
    import failures

    names = classes("ingest/failures.py", "Failure")
    # Its row names the failure that stopped the others.
    kinds = [getattr(failures, name) for name in names - {"NotAsked"}]
    sentences = {
        kind: (kind(60) if issubclass(kind, failures.RateLimited) else kind("x")).explain("ania") for kind in kinds
    }

    assert {"SecretMislabelled", "QuotaExceeded"} <= names
    assert [kind for kind, sentence in sentences.items() if not NAMES_A_STEP.search(sentence)] == []
    assert names & set(NEXT_STEPS) == set()


def test_every_failure_after_ingest_has_a_next_step_here_and_no_other() -> None:
    of_load = caught_and_recorded("load/load_file.py", "failed")
    of_transform = caught_and_recorded("transform_trigger/trigger_batch.py", "transform_row")
    of_batches = {f"Batch{state.capitalize()}" for state in dead_states()}

    assert "FileRefused" in of_load
    assert set(NEXT_STEPS) == of_load | of_transform | of_batches


def test_the_guide_to_troubles_begins_with_the_same_steps() -> None:
    sentences = {
        name.strip("`"): step.replace("`", "")
        for name, step in re.findall(r"^\| (\S.*?) \|.*\| (.*?) \|$", TROUBLES, re.MULTILINE)
    }

    assert [name for name, step in NEXT_STEPS.items() if not sentences[name].startswith(step)] == []
    assert sentences[OTHER_EXCEPTIONS].startswith(next_step("OutOfMemory", "top_tracks"))


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
    sentences = {next_step(MISSING, step, is_laptop=is_laptop) for step in STEPS}

    assert len(sentences) == len(STEPS)
    assert any("Scheduler" in sentence or "terraform" in sentence for sentence in sentences) is not is_laptop
    again = "The next new plays start another batch; after two failures only once the interval is over."
    assert sum(sentence.endswith(again) for sentence in sentences) == 2


def test_a_batch_records_exceptions_of_any_name_and_has_its_output() -> None:
    assert next_step("OutOfMemory", "top_tracks").startswith("Read the batch's driver output")
    assert next_step("NeedsConsent", "ingest") == ""


@pytest.mark.parametrize(
    ("step", "run_id", "query"),
    [
        ("load", "20261122T120000Z", 'jsonPayload.run_id="20261122T120000Z"'),
        (
            "top_tracks",
            "20261122T120000Z",
            'resource.type="cloud_dataproc_batch" AND resource.labels.batch_id:"top-tracks-20261122t120000z"',
        ),
        ("ingest", None, 'resource.type="cloud_scheduler_job" OR resource.type="cloud_run_revision"'),
    ],
)
def test_the_link_to_the_log_asks_for_what_the_step_wrote(step: str, run_id: str | None, query: str) -> None:
    url = logs_url("my-project", step, at("2026-11-22 12:00"), run_id)

    assert unquote(url) == (
        f"https://console.cloud.google.com/logs/query;query={query};"
        "timeRange=2026-11-22T11:55:00Z/2026-11-22T15:00:00Z?project=my-project"
    )
