"""Whether new plays need a batch: the decision alone, over invented batches."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches import Decision, KnownBatch, decide, free_batch_ids, label_of_run, run_of_label, unrecorded_failure
from plays_loaded import PlaysLoaded

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
PLAYS = PlaysLoaded("20261122T100000Z", TEN, rows_new=12, committed_at=TEN + timedelta(minutes=5))
NEVER = timedelta(0)


def batch(run_id, state, minutes_past_ten, batch_id=None):
    created_at = TEN + timedelta(minutes=minutes_past_ten)
    return KnownBatch(batch_id or f"top-tracks-{run_id.lower()}", run_id, state, created_at, created_at, "")


def decide_at(minutes_past_ten, *batches, min_interval=NEVER):
    return decide(batches, PLAYS, TEN + timedelta(minutes=minutes_past_ten), min_interval)


def test_the_first_plays_ever_get_a_batch():
    assert decide_at(6) == Decision("submit", "No batch covers these plays.")


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "SUCCEEDED"])
def test_a_batch_created_after_the_plays_were_merged_covers_them(state):
    decision = decide_at(20, batch("20261122T110000Z", state, 5))

    assert decision == Decision(
        "skip",
        "Batch top-tracks-20261122t110000z was created after these plays were merged and covers them.",
        "top-tracks-20261122t110000z",
    )


def test_a_repeat_finds_the_batch_of_its_own_run():
    newer = batch("20261122T110000Z", "PENDING", 70)
    own = batch("20261122T100000Z", "SUCCEEDED", 6)

    assert decide_at(71, newer, own) == Decision(
        "already_submitted",
        "Batch top-tracks-20261122t100000z submitted for 12 new plays.",
        "top-tracks-20261122t100000z",
    )


@pytest.mark.parametrize("run_id", ["20261122T100000Z", "20261122T110000Z"])
def test_a_batch_that_is_being_cancelled_covers_nothing_and_is_waited_for(run_id):
    decision = decide_at(20, batch(run_id, "CANCELLING", 6), min_interval=timedelta(hours=6))

    assert (decision.action, decision.reason) == ("wait", f"Batch top-tracks-{run_id.lower()} is still CANCELLING.")


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "CANCELLING"])
def test_a_batch_that_started_before_the_plays_came_is_waited_for(state):
    assert decide_at(6, batch("20261122T090000Z", state, 4)) == Decision(
        "wait", f"Batch top-tracks-20261122t090000z is still {state}.", "top-tracks-20261122t090000z"
    )


def test_a_batch_still_running_is_seen_behind_one_that_ended():
    ended = batch("20261122T090000Z", "SUCCEEDED", 4)
    running = batch("20261122T080000Z", "RUNNING", 3)

    assert decide_at(6, ended, running).batch_id == "top-tracks-20261122t080000z"


@pytest.mark.parametrize(
    ("interval", "minutes", "action"),
    [(59, 58, "skip"), (59, 59, "submit"), (60, 49, "skip"), (60, 50, "submit"), (1440, 1430, "submit")],
)
def test_between_two_batches_lies_at_least_the_interval_but_for_ten_minutes_of_an_hour_or_more(
    interval, minutes, action
):
    last = batch("20261122T090000Z", "SUCCEEDED", 0)

    assert decide_at(minutes, last, min_interval=timedelta(minutes=interval)).action == action


def test_a_young_batch_is_named_with_the_interval():
    decision = decide_at(6, batch("20261122T090000Z", "RUNNING", 0), min_interval=timedelta(hours=6))

    assert decision == Decision(
        "skip",
        "Batch top-tracks-20261122t090000z is younger than the minimum interval of 6 h.",
        "top-tracks-20261122t090000z",
    )


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (45, "45 min"),
        (60, "1 h"),
        (90, "1 h 30 min"),
        (180, "3 h"),
        (1440, "24 h"),
        (2160, "36 h"),
        (23_040, "16 days"),
    ],
)
def test_the_interval_is_written_in_hours_and_minutes(minutes, text):
    young = decide_at(6, batch("20261122T090000Z", "SUCCEEDED", 0), min_interval=timedelta(minutes=minutes))

    assert f"younger than the minimum interval of {text}." in young.reason


def test_of_batches_that_died_the_second_within_the_interval_holds_the_next_one_back():
    first, second = batch("20261122T080000Z", "FAILED", -60), batch("20261122T090000Z", "CANCELLED", 4)
    day = timedelta(days=1)

    assert decide_at(6, first, min_interval=day).action == decide_at(6, first, second).action == "submit"
    assert decide_at(6, first, second, min_interval=day) == Decision(
        "skip",
        "Batches top-tracks-20261122t080000z and top-tracks-20261122t090000z failed within the minimum interval of "
        "24 h: new plays after 2026-11-23 08:50:00 UTC start another.",
        "top-tracks-20261122t090000z",
    )
    assert decide_at(1369, first, second, min_interval=day).action == "skip"
    assert decide_at(1370, first, second, min_interval=day).action == "submit"


def test_one_play_is_not_called_plays():
    one = PlaysLoaded("20261122T100000Z", TEN, rows_new=1, committed_at=TEN)
    decision = decide([batch("20261122T100000Z", "PENDING", 1)], one, TEN, NEVER)

    assert decision.reason == "Batch top-tracks-20261122t100000z submitted for 1 new play."


known_batches = st.lists(
    st.builds(
        batch,
        st.sampled_from(["20261122T080000Z", "20261122T090000Z", "20261122T100000Z", "20261122T110000Z"]),
        st.sampled_from(["PENDING", "RUNNING", "CANCELLING", "CANCELLED", "SUCCEEDED", "FAILED"]),
        st.integers(-120, 60),
    ),
    max_size=6,
)


@given(known_batches, st.randoms(use_true_random=False))
def test_the_order_in_which_batches_are_listed_decides_nothing(batches, random):
    shuffled = random.sample(batches, len(batches))
    now = TEN + timedelta(minutes=61)

    assert decide(shuffled, PLAYS, now, NEVER).action == decide(batches, PLAYS, now, NEVER).action


@given(known_batches)
def test_plays_are_never_left_without_a_batch_that_reads_them(batches):
    """Without an interval: whatever is not submitted or waited for has a living batch that started after the merge."""
    decision = decide(batches, PLAYS, TEN + timedelta(minutes=61), NEVER)

    alive = [b for b in batches if b.state in ("PENDING", "RUNNING", "SUCCEEDED")]
    covering = [b for b in alive if b.created_at >= PLAYS.committed_at]
    assert (decision.action in ("skip", "already_submitted")) == bool(covering)


@given(known_batches)
def test_nothing_is_submitted_while_a_batch_is_at_work(batches):
    decision = decide(batches, PLAYS, TEN + timedelta(minutes=61), NEVER)

    if decision.action == "submit":
        assert not [b for b in batches if b.state in ("PENDING", "RUNNING", "CANCELLING")]


def test_only_the_newest_failure_can_be_unrecorded():
    older, newest = batch("20261122T080000Z", "FAILED", -60), batch("20261122T090000Z", "CANCELLED", 0)

    assert unrecorded_failure([newest, older]) == newest
    assert unrecorded_failure([older, batch("20261122T090000Z", "SUCCEEDED", 0)]) is None
    assert unrecorded_failure([]) is None


def test_a_failure_without_a_run_is_not_recorded():
    by_hand = KnownBatch("by-hand", None, "FAILED", TEN, TEN, "")

    assert unrecorded_failure([by_hand]) is None


def test_a_run_takes_the_next_id_when_its_batch_failed_and_gives_up_after_three():
    first, second, third = (f"top-tracks-20261122t100000z{suffix}" for suffix in ("", "-2", "-3"))
    dead = [batch("20261122T100000Z", "FAILED", 6, batch_id) for batch_id in (first, second, third)]

    assert free_batch_ids([], PLAYS) == [first, second, third]
    assert free_batch_ids(dead[:1], PLAYS) == [second, third]
    assert free_batch_ids(dead[:2], PLAYS) == [third]
    assert free_batch_ids(dead, PLAYS) == []


@pytest.mark.parametrize(
    "label", ["", "manual", "r20261122", "r20261322t100000z", "20261122t100000z", "r20261122t100000z-2"]
)
def test_a_label_that_holds_no_run_is_no_run(label):
    assert run_of_label(label) is None


def test_a_runs_label_begins_with_a_letter_and_leads_back_to_the_run():
    assert label_of_run("20261122T100000Z") == "r20261122t100000z"
    assert run_of_label(label_of_run("20261122T100000Z")) == "20261122T100000Z"
