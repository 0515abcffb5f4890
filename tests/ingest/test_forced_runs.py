"""Runs that are forced between two slots: each calls Spotify and takes nothing from the scheduled run after it."""

from datetime import timedelta

from localcloud.listeners.lives import WINDOW
from tests.ingest.harness import SLOT, expected_row

NEXT = SLOT + timedelta(hours=1)


def test_a_run_at_twenty_past_and_the_schedule_at_the_full_hour_both_call_spotify(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.travel(minutes=20)
    forced = ingesting.run(NEXT)
    assert forced.body["run_id"] in {f"20261122T1020{second:02}Z" for second in range(60)}
    ingesting.load(forced.body["object"])
    ingesting.travel(minutes=40)
    scheduled = ingesting.run(NEXT)
    assert scheduled.body["run_id"] == "20261122T110000Z"
    assert [answer.body["listeners"][slug]["fetched"] for answer in (forced, scheduled)] == [WINDOW, WINDOW]
    assert [row["run_id"] for row in ingesting.ledger()] == [forced.body["run_id"], "20261122T110000Z"]


def test_two_forced_runs_for_two_listeners_in_one_hour_both_land_plays(ingesting):
    one, two, _ = ingesting.slugs
    ingesting.authorize(one)
    ingesting.travel(minutes=10)
    first = ingesting.run(NEXT)
    ingesting.load(first.body["object"])
    ingesting.authorize(two)
    ingesting.travel(minutes=10)
    second = ingesting.run(NEXT)
    assert first.body["listeners"][one]["new"] == WINDOW
    assert second.body["listeners"][two]["new"] == WINDOW


def test_a_run_forced_in_the_last_minute_leaves_the_slot_to_the_schedule(ingesting):
    """Its slot may be the schedule's: the clocks of two machines differ. The file grows."""
    one, two, _ = ingesting.slugs
    ingesting.authorize(one)
    ingesting.travel(minutes=59, seconds=30)
    forced = ingesting.run(NEXT)
    ingesting.authorize(two)
    again = ingesting.run(NEXT)
    ingesting.travel(seconds=40)
    scheduled = ingesting.run(NEXT)
    assert {answer.body["run_id"] for answer in (forced, again, scheduled)} == {"20261122T110000Z"}
    assert [answer.body["rows_new"] for answer in (forced, again)] == [WINDOW, 2 * WINDOW]
    assert scheduled.body["listeners"][two]["fetched"] == WINDOW
    rows = ingesting.rows("runs", "finished_at")
    assert [row["rows_new"] for row in rows] == [WINDOW, 2 * WINDOW, 2 * WINDOW]
    assert {row["slot"] for row in rows} == {NEXT}
    assert rows[1]["started_at"] < NEXT <= rows[2]["started_at"]
    landed = ingesting.landed()
    repeat = ingesting.run(NEXT)
    assert repeat.body["reason"].startswith("already landed")
    assert ingesting.landed() == landed


def test_with_a_slot_every_six_hours_a_forced_run_in_between_loses_nothing(ingesting):
    """Between two slots fewer plays than a page are made, between three more."""
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.load(ingesting.run().body["object"])
    since = ingesting.cloud.clock.now()
    slots = [SLOT + timedelta(hours=6 * number) for number in range(1, 9)]
    for slot in slots:
        ingesting.travel(minutes=10)
        _run_and_load(ingesting, slot)  # forced: it carries the slot to come
        ingesting.travel(hours=5, minutes=50)
        _run_and_load(ingesting, slot)
    life = ingesting.spotify.lives[slug]
    played = [play for play in life.between(since, ingesting.cloud.clock.now()) if play.is_visible(slots[-1])]
    assert len(played) > WINDOW
    stored = {(row["played_at"], row["track_id"]) for row in ingesting.plays()}
    assert {(row["played_at"], row["track_id"]) for row in map(expected_row, played)} <= stored
    assert ingesting.gaps() == []


def _run_and_load(ingesting, slot):
    answer = ingesting.run(slot)
    if answer.body["state"] == "succeeded":
        ingesting.load(answer.body["object"])
