"""An event that cannot succeed ends, at whatever step and with whatever Python raises there."""

import inspect
import json
from pathlib import Path

import pytest
from google.api_core.retry import Retry

import load_file
from load_errors import LoadBroken, mistakes_are_permanent
from staging import describe_sql
from tests.event_function import broken, entries
from tests.load.harness import csv_of, play

MISTAKES = [OverflowError("date value out of range"), TypeError("quoted: ada@example.invalid"), ValueError("7 > 6")]


@pytest.fixture
def names():
    """Of the steps of a file, before it fails: what load_file takes from load's other modules and calls."""
    siblings = {path.stem for path in Path(load_file.__file__).parent.glob("*.py")} - {"load_file"}
    taken = {name: part for name, part in vars(load_file).items() if inspect.isfunction(part)}
    steps = {name for name, part in taken.items() if part.__module__ in siblings}
    return steps - {"failed", "mistakes_are_permanent"}


def test_every_step_is_walked(names):
    assert names >= {"find_merged", "fetch_plays_table", "stage", "quarantine", "merge"}
    assert names >= {"publish_plays_loaded", "write_row", "succeeded", "count_doubled"}


@pytest.mark.parametrize("error", MISTAKES, ids=lambda error: type(error).__name__)
def test_a_mistake_at_any_step_is_a_row_of_the_ledger_and_an_error_and_is_not_repeated(
    loading, monkeypatch, capsys, names, error
):
    for hour, name in enumerate(sorted(names)):
        run_id, minute = f"20261101T{hour:02}0000Z", 10 * hour
        file = f"plays/2026/11/01/{run_id}.csv"
        # With a refused row, so that all steps are taken.
        content = csv_of(play(minute), play(minute + 1, duration_ms="long"))
        entries(capsys)
        with monkeypatch.context() as patch:
            patch.setattr(f"load_file.{name}", broken(error))
            loading.land(content, file)
            assert (loading.deliver(), loading.deliver()) == ([200], []), name

        (entry,) = [entry for entry in entries(capsys) if entry["severity"] == "ERROR"]
        assert f"No repeat can help: {type(error).__name__} in event_function.py, line " in entry["reason"], name
        assert "example" not in str(entry)
        rows = [row for row in loading.rows("runs", "run_id, state") if row["run_id"] == run_id]
        # The ledger itself may be what is broken: then the entry is all there is.
        failed = [row["error_class"] for row in rows if row["state"] == "failed"]
        assert failed == ([] if name == "write_row" else ["LoadBroken"]), name


def test_a_mistake_while_the_good_rows_are_staged_is_reported_and_so_are_the_bad_rows(loading, monkeypatch, capsys):
    staged_whole = load_file.stage

    def stage(*arguments, only_good_rows):
        if only_good_rows:
            raise TypeError("quoted: ada@example.invalid")
        return staged_whole(*arguments, only_good_rows=only_good_rows)

    monkeypatch.setattr("load_file.stage", stage)
    content = csv_of(play(1), play(2, duration_ms="long"))
    loading.land(content)
    assert (loading.deliver(), loading.deliver()) == ([200], [])

    (entry,) = [entry for entry in entries(capsys) if entry["severity"] == "ERROR"]
    assert "No repeat can help: TypeError in test_mistakes.py, line " in entry["reason"]
    assert [(row["state"], row["error_class"]) for row in loading.ledger()] == [("failed", "LoadBroken")]
    kept, reason = loading.quarantined()
    assert loading.cloud.storage.read(loading.quarantine, kept) == content
    report = json.loads(loading.cloud.storage.read(loading.quarantine, reason))
    assert {error["reason"] for error in report["errors"]} == {"invalid"}
    assert "long" in report["message"]
    assert loading.plays() == []


def test_a_mistake_that_a_library_meets_in_our_own_code_is_ours():
    with pytest.raises(LoadBroken, match="AttributeError in staging"), mistakes_are_permanent():
        Retry()(describe_sql)(None, "no table")


@pytest.mark.parametrize("error", [ConnectionError("reset"), TimeoutError("slow")])
def test_what_a_repeat_can_heal_is_repeated_still(loading, monkeypatch, error):
    loading.land(csv_of(play(1)))
    with monkeypatch.context() as patch:
        patch.setattr("load_file.merge", broken(error))
        assert loading.deliver() == [500]

    assert loading.deliver() == [200]
    assert [row["state"] for row in loading.ledger()] == ["succeeded"]
