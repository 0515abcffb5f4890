"""A refresh token that Spotify has rotated is stored and replaces the old one; a fresh consent wins over it."""

import json
from datetime import timedelta

import pytest

from listener_secrets import list_listener_secrets, read_listener, store_refresh_token
from localcloud.faults import Fault
from tests.ingest.harness import SLOT
from tests.localcloud.gcp import secrets


def versions(ingesting, slug):
    return secrets.versions(ingesting.cloud, f"refresh-token-{slug}")


LAGS = pytest.mark.parametrize("lag", [timedelta(), timedelta(hours=2)], ids=["known at once", "known later"])


@LAGS
def test_a_rotated_token_replaces_the_old_one_and_keeps_its_neighbours(ingesting, lag):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug, remark="from the living room")
    ingesting.travel(hours=3)
    ingesting.cloud.secrets.lag = lag
    before = ingesting.token(slug)
    ingesting.spotify.rotate_next(slug, old_dies_at_once=True)
    assert ingesting.run().body["rows_new"] == 50
    after = ingesting.token(slug)
    assert after["refresh_token"] != before["refresh_token"]
    assert after == before | {"refresh_token": after["refresh_token"]}
    assert versions(ingesting, slug) == {1: "DESTROYED", 2: "ENABLED"}
    assert ingesting.run(SLOT.replace(minute=1)).body["listeners"][slug]["fetched"] == 50


def test_a_rotated_token_is_used_where_the_old_one_is_still_there_and_latest(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.travel(hours=3)
    ingesting.cloud.secrets.lag = timedelta(hours=2)
    ingesting.cloud.faults.order(Fault("gcp POST .*:destroy", status=403))
    for minute in range(2):
        ingesting.spotify.rotate_next(slug, old_dies_at_once=True)
        answer = ingesting.run(SLOT + timedelta(hours=3, minutes=minute))
        assert answer.body["listeners"][slug]["error_class"] is None
    assert versions(ingesting, slug) == {1: "DESTROYED", 2: "DESTROYED", 3: "ENABLED"}


def test_versions_that_an_interrupted_run_left_are_destroyed_at_the_next_rotation(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.authorize(slug)
    ingesting.spotify.rotate_next(slug)
    ingesting.run()
    assert versions(ingesting, slug) == {1: "DESTROYED", 2: "DESTROYED", 3: "ENABLED"}


def test_a_rotated_token_that_cannot_be_stored_still_serves_this_run_and_is_reported(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.spotify.rotate_next(slug, old_dies_at_once=True)
    ingesting.spotify.order("access_token_expired")
    ingesting.cloud.faults.order(Fault("gcp POST .*:addVersion", status=403))
    answer = ingesting.run()
    part = answer.body["listeners"][slug]
    assert (answer.status, answer.body["rows_new"], part["state"]) == (200, 50, "collected")
    assert part["error_class"] == "TokenNotStored"
    assert part["reason"].startswith("the plays were collected, but Spotify's new refresh token could not be stored")
    assert answer.log == [
        {
            "severity": "ERROR",
            "message": "A rotated refresh token could not be stored",
            "listener": slug,
            "error": "Forbidden",
        }
    ]
    (row,) = ingesting.ledger()
    assert (row["state"], row["error_class"]) == ("succeeded", "TokenNotStored")


@pytest.mark.parametrize("fault", [{"status": 502}, {"status": 504}, {"action": "delay", "seconds": 3}])
def test_a_rotated_token_is_sent_again_after_an_answer_that_says_nothing_or_none_in_time(ingesting, monkeypatch, fault):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.spotify.rotate_next(slug, old_dies_at_once=True)
    monkeypatch.setattr("listener_secrets.CALL_SECONDS", 1)
    ingesting.cloud.faults.order(Fault("gcp POST .*:addVersion", **fault))
    assert ingesting.run().body["listeners"][slug]["error_class"] is None
    assert ingesting.run(SLOT.replace(minute=1)).body["listeners"][slug]["fetched"] == 50


def test_a_version_that_cannot_be_destroyed_is_only_a_warning(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.spotify.rotate_next(slug)
    ingesting.cloud.faults.order(Fault("gcp POST .*:destroy", status=403))
    answer = ingesting.run()
    assert answer.body["listeners"][slug]["error_class"] is None
    assert [(entry["severity"], entry["listener"]) for entry in answer.log] == [("WARNING", slug)]
    assert versions(ingesting, slug) == {1: "ENABLED", 2: "ENABLED"}


@pytest.fixture
def overtaken(ingesting):
    """A consent that was given after the run had read the one before, and before it stores what Spotify rotated."""
    slug = ingesting.slugs[0]
    ingesting.authorize(slug, refresh_token="consent-of-May", consented_at="2026-05-22T10:00:00Z")
    client = ingesting.connect().secrets
    (secret,) = list_listener_secrets(client, ingesting.project)
    listener = read_listener(client, secret)
    ingesting.authorize(slug, refresh_token="consent-of-November")
    return lambda: store_refresh_token(client, listener, "consent-of-May-rotated")


@LAGS
def test_consent_that_was_given_anew_during_the_run_wins_over_a_rotated_token(ingesting, overtaken, lag):
    slug = ingesting.slugs[0]
    ingesting.cloud.secrets.lag = lag
    assert overtaken().refresh_token == "consent-of-May-rotated"  # good for this run
    assert ingesting.token(slug)["refresh_token"] == "consent-of-November"
    assert versions(ingesting, slug) == {1: "DESTROYED", 2: "DESTROYED", 3: "DESTROYED", 4: "ENABLED"}


def test_of_two_consents_during_the_run_the_newest_wins_and_the_other_is_not_read(ingesting, overtaken):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug, refresh_token="consent-of-December")
    ingesting.cloud.faults.order(Fault("gcp GET .*/versions/2:access", status=403))
    overtaken()
    assert ingesting.token(slug)["refresh_token"] == "consent-of-December"
    assert set(versions(ingesting, slug).values()) == {"DESTROYED", "ENABLED"}


@pytest.mark.parametrize("call", ["GET .*/versions/2:access", "POST .*:addVersion"])
def test_a_fresh_consent_that_cannot_be_put_first_is_kept_and_reported(ingesting, overtaken, capsys, call):
    slug = ingesting.slugs[0]
    ingesting.cloud.faults.order(Fault(f"gcp {call}", status=403, skip=int("addVersion" in call)))
    overtaken()
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(entry["severity"], entry["message"]) for entry in entries] == [
        ("ERROR", "A rotated token may have overtaken a fresh consent, which could not be stored again"),
        ("WARNING", "An outlived version of a listener's secret could not be destroyed"),
    ]
    assert entries[0]["command"] == f"python -m cli authorize {slug}"
    assert versions(ingesting, slug) == {1: "ENABLED", 2: "ENABLED", 3: "ENABLED"}


def test_of_two_runs_that_rotate_a_token_at_once_neither_takes_the_others_for_a_fresh_consent(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    client = ingesting.connect().secrets
    (secret,) = list_listener_secrets(client, ingesting.project)
    first, second = read_listener(client, secret), read_listener(client, secret)
    store_refresh_token(client, first, "rotated-first")
    store_refresh_token(client, second, "rotated-second")
    assert ingesting.token(slug)["refresh_token"] == "rotated-second"
    assert versions(ingesting, slug) == {1: "DESTROYED", 2: "ENABLED", 3: "ENABLED"}


def test_a_run_with_the_consent_before_does_not_put_its_token_over_the_fresh_one(ingesting, overtaken):
    slug = ingesting.slugs[0]
    client = ingesting.connect().secrets
    (secret,) = list_listener_secrets(client, ingesting.project)
    fresh = read_listener(client, secret)
    content = {"refresh_token": "consent-of-May-rotated", "consented_at": "2026-05-22T10:00:00Z"}
    ingesting.authorize(slug, **content)  # a run beside stores it, and ends before it looks for a fresh consent
    store_refresh_token(client, fresh, "consent-of-November-rotated")
    assert ingesting.token(slug)["refresh_token"] == "consent-of-November-rotated"
    assert versions(ingesting, slug) == {1: "DESTROYED", 2: "DESTROYED", 3: "ENABLED", 4: "ENABLED"}


def test_consent_that_is_given_after_a_rotated_token_was_stored_is_left_alone(ingesting, monkeypatch):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    client = ingesting.connect().secrets
    (secret,) = list_listener_secrets(client, ingesting.project)
    listener = read_listener(client, secret)
    listed = client.list_secret_versions

    def list_after_a_consent(*arguments, **details):
        ingesting.authorize(slug, refresh_token="consent-of-November")
        return listed(*arguments, **details)

    monkeypatch.setattr(client, "list_secret_versions", list_after_a_consent)
    store_refresh_token(client, listener, "rotated")
    assert ingesting.token(slug)["refresh_token"] == "consent-of-November"
    assert versions(ingesting, slug) == {1: "DESTROYED", 2: "ENABLED", 3: "ENABLED"}
