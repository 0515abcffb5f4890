"""Runs in trouble of other kinds than a single answer of Spotify's, for which see test_spotify_answers.py."""

from dataclasses import replace
from datetime import timedelta

import pytest

from localcloud.faults import Fault
from tests.event_function import DENIED, answers, ledger_row
from tests.ingest.harness import OBJECT, RUN_ID, SLOT


@pytest.mark.parametrize(
    "order",
    [
        {"name": "bad_gateway", "times": 2},
        {"name": "gateway_timeout_html"},
        {"name": "token_503_html", "times": 2},
        {"name": "dropped", "endpoint": "token", "times": 2},
        {"name": "body_cut_in_half", "endpoint": "recently-played", "times": 2},
        {"name": "access_token_expired"},
        {"name": "access_token_not_seen", "times": 2},
        {"name": "premium_required", "times": 2},
        {"name": "rate_limited", "retry_after_seconds": 1},
        {"name": "rate_limited", "times": 3},
        {"name": "rate_limited_text", "endpoint": "token"},
    ],
)
def test_what_passes_within_seconds_is_waited_for_and_leaves_no_trace(ingesting, order):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.spotify.order(**order, listener=slug)
    answer = ingesting.run()
    assert (answer.status, answer.body["reason"], answer.log) == (200, "50 new plays from 1 of 1 listeners", [])


def test_a_silent_spotify_is_given_up_after_the_time_out(ingesting, monkeypatch):
    monkeypatch.setattr("http_client._READ_SECONDS", 0.05)
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.spotify.order("slow", listener=slug, endpoint="recently-played", seconds=0.3, times=3)
    answer = ingesting.run()
    assert answer.status == 503
    assert answer.body["listeners"][slug]["reason"].startswith("Spotify was not available (no answer, ReadTimeout)")


def test_a_revoked_consent_that_has_ended_says_when(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug, consented_at="2026-05-01T08:00:00Z")
    ingesting.spotify.revoke(slug)
    reason = f"consent ended on 2026-11-01, run `python -m cli authorize {slug}`"
    assert ingesting.run().body["listeners"][slug]["reason"] == reason


def test_one_reason_that_holds_for_all_is_said_once(ingesting):
    ingesting.authorize(*ingesting.slugs)
    ingesting.spotify.order("premium_lapsed", times=None)
    reason = ingesting.run().body["reason"]
    assert reason.count("Premium") == 1
    assert ", ".join(sorted(ingesting.slugs)) in reason


def test_a_pause_that_only_a_repeat_meets_is_kept_too(ingesting):
    ingesting.authorize(ingesting.slugs[0])
    ingesting.spotify.order("bad_gateway", times=3)
    assert ingesting.run().status == 503
    ingesting.spotify.order("quota_exceeded", retry_after_seconds=7200)
    repeat = ingesting.run()
    first, row = ingesting.ledger()
    assert (first["state"], first["error_class"]) == ("failed", "SpotifyUnavailable")
    assert (row["state"], row["error_class"], row["reason"]) == ("failed", "QuotaExceeded", repeat.body["reason"])
    assert row["details"] == {"listeners": repeat.body["listeners"]}
    blocked = ingesting.run(SLOT + timedelta(hours=1))
    assert (blocked.body["state"], blocked.body["blocked_until"]) == ("skipped", repeat.body["blocked_until"])


@pytest.fixture
def known(ingesting):
    """Two listeners whose plays are all stored, and the slot a minute later: nothing is new in it."""
    ingesting.authorize(*ingesting.slugs[:2])
    ingesting.run()
    ingesting.load()
    return ingesting, SLOT + timedelta(minutes=1), "20261122T100100Z"


def test_each_attempt_at_a_slot_adds_a_row_to_the_ledger_and_changes_none(known):
    ingesting, slot, run_id = known
    two = ingesting.slugs[1]
    ingesting.spotify.order("bad_gateway", listener=two, endpoint="recently-played", times=3)
    first = ingesting.run(slot)
    assert (first.body["state"], first.body["listeners"][two]["state"], first.polled) == ("skipped", "failed", 1)
    before = ingesting.ledger()

    second = ingesting.run(slot)

    assert (second.body["state"], second.polled) == ("skipped", 2)
    assert ingesting.ledger() == [
        *before,
        ledger_row(
            *(run_id, slot, "ingest", "skipped", "no new plays from 2 of 2 listeners"),
            listeners=2,
            rows_in=100,
            rows_new=0,
            details={"listeners": second.body["listeners"]},
        ),
    ]
    assert before[1]["details"] == {"listeners": first.body["listeners"]}


def test_a_pause_that_a_repeat_meets_holds_for_the_next_one(known):
    ingesting, slot, _ = known
    assert (ingesting.run(slot).body["state"], ingesting.ledger()[-1]["blocked_until"]) == ("skipped", None)
    ingesting.spotify.order("quota_exceeded", listener=ingesting.slugs[1], retry_after_seconds=7200)
    ingesting.run(slot)
    assert ingesting.ledger()[-1]["blocked_until"] - SLOT > timedelta(hours=2)
    assert ingesting.run(slot).body["reason"].startswith("Spotify asked for a pause until 2026-11-22 12:00")


@pytest.mark.parametrize(
    "fault", [Fault("bigquery POST .*/jobs", "drop", "after"), Fault("bigquery GET .*/jobs/", times=2)]
)
def test_an_answer_of_bigquery_that_is_lost_adds_one_row(ingesting, fault):
    ingesting.cloud.faults.order(replace(fault))
    assert ingesting.run().status == 200
    assert [row["state"] for row in ingesting.ledger()] == ["skipped"]


@pytest.mark.parametrize(("seconds", "status"), [(60, 200), (0, 500)])
def test_a_job_that_goes_on_after_the_first_look_is_waited_for_but_not_for_ever(
    ingesting, monkeypatch, seconds, status
):
    monkeypatch.setattr("ingest_queries._QUERY_SECONDS", seconds)
    answers(ingesting.cloud, 4, ("status",))
    assert ingesting.run().status == status
    assert [row["state"] for row in ingesting.ledger()] == ["skipped"]


def test_listeners_whose_turn_comes_after_a_long_429_are_not_asked(ingesting, monkeypatch):
    monkeypatch.setattr("collect._AT_ONCE", 1)
    one, three, two = sorted(ingesting.slugs)
    ingesting.authorize(*ingesting.slugs)
    ingesting.spotify.order("quota_exceeded", listener=three, retry_after_seconds=3600)
    answer = ingesting.run()
    assert {slug: part["state"] for slug, part in answer.body["listeners"].items()} == {
        one: "collected",
        three: "failed",
        two: "not_asked",
    }
    assert answer.body["rows_new"] == 50
    assert [entry["listener"] for entry in answer.log] == [three]
    assert ingesting.ledger()[0]["error_class"] == "QuotaExceeded"


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("item_without_track", "track is null or missing"),
        ("item_local_file", "a local file has no track id"),
        ("item_episode", "it is of the type episode, not a track"),
        ("item_without_played_at", "played_at is missing"),
    ],
)
def test_an_item_that_is_no_play_is_quarantined_once_and_the_rest_of_its_page_lands(ingesting, order, reason):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.spotify.order(order, times=2)
    answer = ingesting.run()
    assert (
        answer.body["reason"]
        == "49 new plays from 1 of 1 listeners; 1 item could not be read, see the quarantine bucket"
    )
    ((name, kept),) = ingesting.quarantined().items()
    assert {key: kept[key] for key in ("reason", "listener_id", "run_id")} == {
        "reason": reason,
        "listener_id": slug,
        "run_id": RUN_ID,
    }
    assert set(kept["item"]) <= {"track", "played_at", "context"}
    entry = {"severity": "ERROR", "message": "An item could not be read and is in the quarantine bucket"}
    assert answer.log == [entry | {"run_id": RUN_ID, "listener": slug, "reason": reason, "object": name}]

    ingesting.load()
    again = ingesting.run(SLOT + timedelta(minutes=1))
    assert again.body["reason"] == "no new plays from 1 of 1 listeners"
    assert again.log == []
    assert list(ingesting.quarantined()) == [name]


@pytest.mark.parametrize(
    ("order", "is_as_sent"),
    [
        ("item_with_unknown_field", lambda play: play["track_name"]),
        ("item_without_milliseconds", lambda play: play["played_at"].microsecond == 0),
        ("item_without_track_name", lambda play: play["track_name"] is None and play["artist_names"]),
        ("item_with_emptied_names", lambda play: not (play["track_name"] or play["artist_names"] or play["image_url"])),
    ],
)
def test_an_unusual_item_is_still_a_play(ingesting, order, is_as_sent):
    ingesting.authorize(ingesting.slugs[0])
    ingesting.spotify.order(order)
    answer = ingesting.run()
    assert (answer.body["rows_new"], answer.log, ingesting.quarantined()) == (50, [], {})
    ingesting.load()
    newest = max(ingesting.plays(), key=lambda play: play["played_at"])
    assert is_as_sent(newest), newest


def test_a_repeat_of_a_failed_slot_collects_what_has_healed(ingesting):
    ingesting.authorize(*ingesting.slugs)
    ingesting.spotify.order("bad_gateway", times=9)
    first = ingesting.run()
    assert (first.status, first.body["state"]) == (503, "failed")
    second = ingesting.run()
    assert (second.status, second.body["rows_new"], second.body["object"]) == (200, 150, OBJECT)
    assert [row["state"] for row in ingesting.ledger()] == ["failed", "succeeded"]


def test_a_google_service_that_stays_away_fails_the_whole_run(ingesting, caplog):
    ingesting.authorize(ingesting.slugs[0])
    ingesting.cloud.faults.order(Fault("gcp POST /upload/.*", status=403, body=DENIED, times=None))
    answer = ingesting.run()
    assert (answer.status, answer.body["error_class"]) == (500, "Forbidden")
    assert [(entry["severity"], entry["message"], entry["error_class"]) for entry in answer.log] == [
        ("WARNING", "The run failed", "Forbidden")
    ]
    assert "Access Denied: User …" in answer.log[0]["reason"]
    assert "buckets.py" in answer.log[0]["traceback"]
    assert "ada@" not in caplog.text + str(answer)
    assert (ingesting.landed(), ingesting.ledger()) == ({}, [])
    ingesting.cloud.faults.clear()
    assert ingesting.run().body["rows_new"] == 50


@pytest.mark.parametrize(
    ("read", "error_class"),
    [
        ([], "LandingContradiction"),
        ([Fault("gcp GET /download/.*", status=200, headers={"X-Goog-Hash": "crc32c=AAAAAA=="})], "DataCorruption"),
    ],
)
def test_a_file_that_vanishes_or_arrives_damaged_is_a_warning_and_the_repeat_lands_it(ingesting, read, error_class):
    ingesting.authorize(ingesting.slugs[0])
    ingesting.cloud.faults.order(Fault("gcp POST /upload/.*", status=412), *read)
    answer = ingesting.run()
    assert [(entry["severity"], entry["error_class"]) for entry in answer.log] == [("WARNING", error_class)]
    assert (answer.status, ingesting.run().body["rows_new"]) == (500, 50)


def test_what_no_repeat_can_heal_is_an_error_at_once(ingesting):
    ingesting.authorize(ingesting.slugs[0])
    ingesting.cloud.storage.write(ingesting.landing, OBJECT, b"who,when\nada,9\n")
    answer = ingesting.run()
    assert answer.status == 500
    assert [(entry["severity"], entry["message"], entry["error_class"]) for entry in answer.log] == [
        ("ERROR", "The run failed", "ForeignObject")
    ]


def test_an_upload_whose_answer_was_lost_has_landed(ingesting):
    ingesting.authorize(ingesting.slugs[0])
    ingesting.cloud.faults.order(Fault("gcp POST /upload/.*", "drop", "after"))
    answer = ingesting.run()
    assert (answer.status, answer.body["state"], answer.body["rows_new"], answer.log) == (200, "succeeded", 50, [])
    assert list(ingesting.landed()) == [OBJECT]
