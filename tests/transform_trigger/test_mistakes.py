"""A message that cannot succeed ends, at whatever step and with whatever Python raises there."""

import pytest
from google.api_core.retry import Retry

from tests.event_function import MISTAKES, broken, entries, steps
from tests.transform_trigger.harness import TEN


@pytest.fixture
def names():
    """Of the steps of a message."""
    import trigger_batch

    return steps(trigger_batch, "mistakes_are_permanent", "log", "transform_row", "failure_row")


def test_every_step_is_walked(names):
    assert names >= {"fetch_batches", "unrecorded_failure", "decide", "free_batch_ids", "submit_batch", "write_row"}


@pytest.mark.parametrize("error", MISTAKES, ids=lambda error: type(error).__name__)
def test_a_mistake_at_any_step_is_a_row_of_the_ledger_and_an_error_and_is_not_repeated(
    triggering, monkeypatch, capsys, names, error
):
    for hour, name in enumerate(sorted(names)):
        run_id = f"20261122T{hour:02}0000Z"
        entries(capsys)
        with monkeypatch.context() as patch:
            patch.setattr(f"trigger_batch.{name}", broken(error))
            triggering.publish(run_id)
            assert (triggering.deliver(), triggering.deliver()) == ([200], []), name
        for batch_id in triggering.batch_ids():
            if run_id.lower() in batch_id:
                triggering.finish(run_id)

        (entry,) = [entry for entry in entries(capsys) if entry["severity"] == "ERROR"]
        assert f"No repeat can help: {type(error).__name__} in event_function.py, line " in entry["reason"], name
        assert "example" not in str(entry)
        recorded = [row["error_class"] for row in triggering.ledger() if row["run_id"] == run_id]
        # The ledger itself may be what is broken: then the entry is all there is.
        assert recorded == ([] if name == "write_row" else ["TriggerBroken"]), name


def test_a_mistake_that_a_library_meets_in_our_own_code_is_ours():
    from batches import label_of_run
    from trigger_errors import TriggerBroken, mistakes_are_permanent

    with pytest.raises(TriggerBroken, match="AttributeError in batches"), mistakes_are_permanent():
        Retry()(label_of_run)(None)


@pytest.mark.parametrize("error", [ConnectionError("reset"), TimeoutError("slow")])
def test_what_a_repeat_can_heal_is_repeated_still(triggering, monkeypatch, error):
    triggering.publish(TEN)
    with monkeypatch.context() as patch:
        patch.setattr("trigger_batch.fetch_batches", broken(error))
        assert triggering.deliver() == [500]

    assert triggering.deliver() == [200]
    assert [row["state"] for row in triggering.ledger()] == ["succeeded"]
