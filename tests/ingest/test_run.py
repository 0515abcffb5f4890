"""What one hour after the other comes to when nothing is wrong with anybody."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.event_function import ledger_row
from tests.ingest.harness import OBJECT, RUN_ID, SLOT, expected_row


def expected_rows(plays, **values):
    rows = [expected_row(play, **values) for play in plays]
    return sorted(rows, key=lambda row: (row["listener_id"], row["played_at"], row["track_id"]))


def windows(ingesting, *slugs):
    """All that Spotify shows of these listeners now."""
    return [play for slug in slugs for play in ingesting.spotify.window(slug, ingesting.cloud.clock.now())]


def loaded_plays(ingesting):
    """The warehouse, without the instant of writing that a test cannot know to the millisecond."""
    rows = ingesting.plays()
    for row in rows:
        assert timedelta(0) <= row.pop("ingested_at") - SLOT < timedelta(days=40)
    return rows


def consent_of(ingesting, slug):
    return ingesting.token(slug)["consented_at"].replace("2026-11-22", "2027-05-22")[:19] + "Z"


def test_a_run_lands_every_listeners_page_in_one_file_and_says_so_everywhere(ingesting):
    ingesting.authorize(*ingesting.slugs)
    shown = windows(ingesting, *ingesting.slugs)
    answer = ingesting.run()
    listeners = {
        slug: {
            "state": "collected",
            "fetched": 50,
            "new": 50,
            "error_class": None,
            "reason": None,
            "consent_ends_at": consent_of(ingesting, slug),
        }
        for slug in ingesting.slugs
    }
    reason = "150 new plays from 3 of 3 listeners"
    assert answer == (
        200,
        {
            "run_id": RUN_ID,
            "state": "succeeded",
            "reason": reason,
            "object": OBJECT,
            "rows_new": 150,
            "blocked_until": None,
            "listeners": listeners,
        },
        [],
        3,
    )
    values = {"listeners": 3, "rows_in": 150, "rows_new": 150, "details": {"listeners": listeners}}
    assert ingesting.ledger() == [ledger_row(RUN_ID, SLOT, "ingest", "succeeded", reason, **values)]
    assert list(ingesting.landed()) == [OBJECT]
    ingesting.load()
    assert loaded_plays(ingesting) == expected_rows(shown)
    assert ingesting.gaps() == []


def test_the_next_run_lands_only_what_is_new(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    first = ingesting.spotify.window(slug, ingesting.cloud.clock.now())
    ingesting.run()
    ingesting.load()
    ingesting.travel(days=1)
    new = [play for play in windows(ingesting, slug) if play not in first]
    assert 0 < len(new) < 50
    answer = ingesting.run(SLOT + timedelta(days=1))
    name = "plays/2026/11/23/20261123T100000Z.csv"
    assert (answer.body["object"], answer.body["rows_new"]) == (name, len(new))
    ingesting.load(name)
    expected = expected_rows(first) + expected_rows(new, run_id="20261123T100000Z")
    assert loaded_plays(ingesting) == sorted(expected, key=lambda row: row["played_at"])
    assert ingesting.gaps() == []


def test_an_hour_with_nothing_new_lands_nothing_and_is_skipped(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.run()
    ingesting.load()
    answer = ingesting.run(SLOT + timedelta(minutes=1))
    assert (answer.status, answer.body["state"], answer.body["object"]) == (200, "skipped", None)
    assert answer.body["reason"] == "no new plays from 1 of 1 listeners"
    assert (answer.body["listeners"][slug]["state"], answer.polled) == ("nothing_new", 1)
    assert list(ingesting.landed()) == [OBJECT]
    assert [(row["run_id"], row["state"], row["rows_in"], row["rows_new"]) for row in ingesting.ledger()] == [
        (RUN_ID, "succeeded", 50, 50),
        ("20261122T100100Z", "skipped", 50, 0),
    ]


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_slot_that_has_landed_is_over_and_a_repeat_asks_and_changes_nothing(ingesting, is_loaded):
    ingesting.authorize(*ingesting.slugs)
    first = ingesting.run()
    if is_loaded:
        ingesting.load()
    landed, ledger = ingesting.landed(), ingesting.ledger()
    ingesting.cloud.faults.calls.clear()
    repeat = ingesting.run()
    assert repeat.status == 200
    assert repeat.body == first.body | {"reason": "already landed: 150 new plays from 3 of 3 listeners"}
    assert [call for call in ingesting.cloud.faults.calls if call.startswith("spotify")] == []
    assert (ingesting.landed(), ingesting.ledger()) == (landed, ledger)


@pytest.mark.parametrize(
    "details", [None, '"text"', '{"listeners": null}', '{"listeners": ["a"]}', '{"listeners": {"a": null, "b": {}}}']
)
def test_a_row_of_the_same_slot_in_any_shape_is_over_or_repeated_and_never_stops_a_run(ingesting, details):
    ingesting.authorize(ingesting.slugs[0])
    for state in ("postponed", "succeeded"):
        ingesting.tell(RUN_ID, "ingest", state, rows_in=-5, details=details)
    answer = ingesting.run()
    assert (answer.status, answer.body["state"], answer.body["listeners"]) == (200, "succeeded", {})
    assert answer.body["reason"] == "already landed: the ledger has no reason"


def test_a_pause_that_no_run_can_have_recorded_is_none(ingesting):
    ingesting.authorize(ingesting.slugs[0])
    end_of_time = datetime(9999, 12, 31, tzinfo=UTC)
    ingesting.tell("20261122T090000Z", "ingest", "skipped", blocked_until=end_of_time, details='"text"')
    assert ingesting.run().body["state"] == "succeeded"


def test_without_listeners_the_run_is_skipped_and_names_the_next_step(ingesting):
    answer = ingesting.run()
    reason = "no listener has given consent yet, run `python -m cli authorize NAME`"
    assert (answer.status, answer.body["state"], answer.body["reason"]) == (200, "skipped", reason)
    assert [(row["state"], row["reason"]) for row in ingesting.ledger()] == [("skipped", reason)]
    assert ingesting.landed() == {}


def test_a_call_by_hand_is_a_run_of_this_second(ingesting):
    run_id = ingesting.run(slot=None).body["run_id"]
    assert run_id in {f"20261122T1000{second:02}Z" for second in range(3, 60)}


def test_a_page_that_overlaps_nothing_stored_leaves_a_gap_behind(ingesting):
    listener, newcomer = ingesting.slugs[:2]
    ingesting.authorize(listener)
    newest_stored = ingesting.spotify.window(listener, ingesting.cloud.clock.now())[0].played_at
    ingesting.run()
    ingesting.load()
    assert ingesting.gaps() == []
    ingesting.travel(days=5)
    ingesting.authorize(newcomer)
    oldest_shown = windows(ingesting, listener)[-1].played_at
    assert oldest_shown > newest_stored
    slot = SLOT + timedelta(days=5)
    answer = ingesting.run(slot)
    assert [(entry["severity"], entry["message"], entry["listener"]) for entry in answer.log] == [
        ("WARNING", "Plays may be missing", listener)
    ]
    (gap,) = ingesting.gaps()
    assert slot < gap.pop("detected_at") < slot + timedelta(minutes=1)
    assert gap == {
        "listener_id": listener,
        "gap_start": newest_stored,
        "gap_end": oldest_shown,
        "run_id": "20261127T100000Z",
    }


@pytest.mark.parametrize(
    ("consented_on", "days_left"),
    [
        ("2026-06-23", None),
        ("2026-06-22", 30),
        ("2026-06-21", None),
        ("2026-05-29", 7),
        ("2026-05-23", 1),
        ("2026-05-22", 0),
        ("2026-05-21", None),
    ],
)
def test_the_end_of_consent_is_announced_in_every_run_of_four_days(ingesting, consented_on, days_left):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug, consented_at=f"{consented_on}T12:00:00Z")
    warning = {
        "severity": "WARNING",
        "message": "A listener's consent ends soon",
        "run_id": RUN_ID,
        "listener": slug,
        "days_left": days_left,
        "command": f"python -m cli authorize {slug}",
    }
    assert ingesting.run().log == ([] if days_left is None else [warning])


@pytest.mark.parametrize("header", ["yesterday", "2026-11-22"])
def test_a_slot_that_is_no_instant_is_the_callers_fault(ingesting, header):
    answer = ingesting.run(**{"X-CloudScheduler-ScheduleTime": header})
    reason = "The header X-CloudScheduler-ScheduleTime must be an instant such as 2026-11-22T10:00:00Z."
    assert (answer.status, answer.body) == (400, {"error_class": "UnreadableSlot", "reason": reason})
    assert [(entry["severity"], entry["reason"]) for entry in answer.log] == [("ERROR", reason)]
    assert ingesting.ledger() == []


def test_a_missing_setting_is_named_at_first_use_and_can_be_put_right(ingesting):
    bucket = ingesting.environment.pop("LANDING_BUCKET")
    answer = ingesting.run()
    reason = "The setting LANDING_BUCKET is missing."
    assert (answer.status, answer.body) == (500, {"error_class": "SettingsError", "reason": reason})
    assert [(entry["severity"], entry["reason"]) for entry in answer.log] == [("ERROR", reason)]
    ingesting.environment["LANDING_BUCKET"] = bucket
    assert ingesting.run().status == 200
