"""Listeners' secrets: unusable ones cost no other listener a play and show nothing, rotated tokens are kept."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from listener_secrets import (
    ListenerSecret,
    end_of_consent,
    list_listener_secrets,
    name_listeners,
    read_listener,
    store_refresh_token,
)
from localcloud.faults import Fault
from tests.ingest.harness import RUN_ID, SLOT
from tests.localcloud.gcp import secrets

SECRET = "refresh-token-listener-two"  # pragma: allowlist secret -- a name
GOOD = {
    "refresh_token": "hush-hush",
    "consented_at": "2026-11-01T08:00:00Z",
    "account_id": "hush-account",
    "scope": "user-read-recently-played",
}


def labels(listener):
    return {"app": "heavy-rotation", "kind": "refresh-token", "listener": listener}


def versions(ingesting, slug):
    return secrets.versions(ingesting.cloud, f"refresh-token-{slug}")


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (b"hush-hush", f"the secret {SECRET} is not JSON"),
        (b'"hush-hush"', f"the secret {SECRET} is not a JSON object"),
        (b"\xff\xfe", f"the secret {SECRET} is not JSON"),
        *[(GOOD | {name: None}, f"the secret {SECRET} lacks the field {name}") for name in GOOD],
        ({}, f"the secret {SECRET} lacks the field refresh_token"),
        (GOOD | {"refresh_token": ""}, f"the secret {SECRET} lacks the field refresh_token"),
        (GOOD | {"consented_at": "May"}, f"the field consented_at of the secret {SECRET} is not an instant"),
        (
            GOOD | {"consented_at": "9999-12-31T00:00:00Z"},
            f"the field consented_at of the secret {SECRET} is not an instant",
        ),
    ],
)
def test_an_unusable_secret_is_named_with_its_field_but_not_shown_and_the_others_are_collected(
    ingesting, payload, what
):
    one, two, _ = ingesting.slugs
    ingesting.authorize(one)
    ingesting.store(SECRET, payload, labels(two))
    answer = ingesting.run()
    reason = f"{what}, correct it or run `python -m cli authorize {two}`"
    assert (answer.status, answer.body["rows_new"]) == (200, 50)
    assert answer.body["listeners"][two] == {
        "state": "failed",
        "fetched": 0,
        "new": 0,
        "error_class": "SecretUnusable",
        "reason": reason,
        "consent_ends_at": None,
    }
    assert [(entry["severity"], entry["listener"], entry["reason"]) for entry in answer.log] == [("ERROR", two, reason)]
    assert "hush" not in json.dumps([answer, ingesting.ledger()], default=str)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (["3:disable"], "version 3 of the secret {}, the newest, is disabled, version 2 is enabled"),
        (["3:destroy"], "version 3 of the secret {}, the newest, is destroyed, version 2 is enabled"),
        (["3:destroy", "2:disable"], "version 3 of the secret {}, the newest, is destroyed, version 1 is enabled"),
        (
            ["3:disable", "2:disable", "1:destroy"],
            "version 3 of the secret {}, the newest, is disabled, no version is enabled",
        ),
    ],
)
def test_a_secret_whose_newest_version_is_disabled_or_destroyed_names_it_and_the_older_enabled_one(
    ingesting, changes, what
):
    slug = ingesting.slugs[0]
    for _ in range(3):
        ingesting.authorize(slug)
        ingesting.store("spotify-client", {"client_id": "x", "client_secret": "y"})
    for change in changes:
        ingesting.call(f"/v1/projects/{ingesting.project}/secrets/refresh-token-{slug}/versions/{change}")
    part = ingesting.run().body["listeners"][slug]
    assert part["error_class"] == "SecretUnusable"
    described = what.format(f"refresh-token-{slug}")
    assert part["reason"] == f"{described}, correct it or run `python -m cli authorize {slug}`"

    # The app's secret has one version more: that of the fixture.
    for change in changes:
        number, verb = change.split(":")
        ingesting.call(f"/v1/projects/{ingesting.project}/secrets/spotify-client/versions/{int(number) + 1}:{verb}")
    if "no version" not in what:
        answer = ingesting.run(SLOT + timedelta(minutes=1))
        assert answer.body["reason"].startswith("version 4 of the secret spotify-client, the newest, is d")


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (403, "ingest may not read the secret {} until `terraform apply` grants it, the next run"),
        (None, "the newest version of the secret {} cannot be read, correct it"),
    ],
    ids=["versions may not be listed", "they are listed as before"],
)
def test_a_destroyed_version_that_the_list_does_not_show_as_destroyed_is_said_to_be_unreadable(ingesting, status, what):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.travel(hours=3)
    ingesting.cloud.secrets.lag = timedelta(hours=2)
    ingesting.call(f"/v1/projects/{ingesting.project}/secrets/refresh-token-{slug}/versions/1:destroy")
    if status:
        ingesting.cloud.faults.order(Fault(f"gcp GET .*refresh-token-{slug}/versions$", status=status))
    part = ingesting.run(SLOT + timedelta(hours=3)).body["listeners"][slug]
    assert part["reason"].startswith(what.format(f"refresh-token-{slug}"))


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ({"status": 408}, "the secret {} could not be fetched (GoogleAPICallError)"),
        ({"status": 403}, "ingest may not read the secret {} until `terraform apply` grants it"),
        (
            {
                "when": "after",
                "status": 200,
                "body": '{"name": "x/versions/1", "payload": {"data": "e30=", "dataCrc32c": "7"}}',
            },
            "the secret {} arrived with a wrong checksum",
        ),
    ],
)
def test_a_secret_that_did_not_arrive_whole_is_worth_another_try(ingesting, fault, what):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.cloud.faults.order(Fault(f"gcp GET .*refresh-token-{slug}.*:access", **fault))
    answer = ingesting.run()
    part = answer.body["listeners"][slug]
    assert (answer.status, part["error_class"]) == (503, "SecretUnavailable")
    assert part["reason"] == what.format(f"refresh-token-{slug}") + ", the next run tries again"
    assert ingesting.run().body["rows_new"] == 50


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (b"s3cret", "the secret spotify-client is not JSON"),
        ({"client_id": "s3cret"}, "the secret spotify-client lacks the field client_secret"),
    ],
)
def test_without_the_apps_own_secret_the_run_fails_and_names_it(ingesting, payload, what):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.store("spotify-client", payload)
    answer = ingesting.run()
    reason = f"{what}, run `python -m cli authorize LISTENER --new-client`"
    assert (answer.status, answer.body["state"], answer.body["reason"]) == (200, "failed", reason)
    assert answer.body["listeners"][slug]["state"] == "not_asked"
    assert [(entry["severity"], entry["reason"]) for entry in answer.log] == [("ERROR", reason)]
    assert [(row["state"], row["error_class"]) for row in ingesting.ledger()] == [("failed", "AppSecretUnusable")]
    assert "s3cret" not in json.dumps([answer, ingesting.ledger()], default=str)


def test_a_consent_is_used_before_latest_and_the_list_know_it(ingesting):
    slug = ingesting.slugs[0]
    ingesting.cloud.secrets.lag = timedelta(hours=2)  # the app's secret is as new
    ingesting.authorize(slug)
    assert ingesting.run().body["rows_new"] == 50


def test_a_consent_is_used_that_the_list_knows_where_latest_still_is_a_destroyed_version(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.cloud.faults.order(Fault(f"gcp GET .*refresh-token-{slug}/versions/latest:access", status=400))
    assert ingesting.run().body["rows_new"] == 50


def test_a_secret_without_a_proper_label_is_named_and_twins_are_both_left_alone():
    named = name_listeners(
        {
            "projects/7/secrets/a": "ada",
            "projects/7/secrets/b": "bob",
            "projects/7/secrets/c": "bob",
            "projects/7/secrets/ada": "",
            "projects/7/secrets/e": "-x",
        }
    )
    assert named[0] == ListenerSecret("ada", "projects/7/secrets/a")
    assert [(secret.listener_id, str(secret.failure)) for secret in named[1:]] == [
        ("secrets/ada", "the label `listener` is missing or is not a lower-case name"),
        ("bob", "several secrets carry the label listener=bob"),
        ("secrets/e", "the label `listener` is missing or is not a lower-case name"),
    ]


def test_a_secret_labelled_for_something_else_is_no_listeners(ingesting):
    ingesting.store("other", GOOD, labels("someone") | {"kind": "password"})
    assert ingesting.run().body["listeners"] == {}


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


def test_no_token_shows_anywhere_when_everything_goes_wrong(ingesting):
    ingesting.authorize(*ingesting.slugs)
    secrets = [ingesting.token(slug)["refresh_token"] for slug in ingesting.slugs]
    secrets.append(ingesting.spotify.app.client_secret)
    for name in ("dropped", "body_cut_in_half", "not_json", "access_token_invalid", "invalid_client_secret"):
        ingesting.spotify.order(name, endpoint="token", times=2)
    answer = ingesting.run()
    shown = json.dumps([answer, ingesting.ledger(), ingesting.quarantined(), ingesting.landed()], default=str)
    assert RUN_ID in shown
    assert not [secret for secret in secrets if secret in shown]
    assert "invented-" not in json.dumps(answer)


def test_an_app_secret_that_did_not_arrive_is_worth_another_try(ingesting):
    ingesting.authorize(ingesting.slugs[0])
    ingesting.cloud.faults.order(Fault("gcp GET .*spotify-client.*:access", status=408))
    answer = ingesting.run()
    assert (answer.status, answer.body["state"], answer.log[0]["error_class"]) == (503, "failed", "SecretUnavailable")
    assert ingesting.run().body["rows_new"] == 50


def day(text):
    return datetime.fromisoformat(f"{text}T12:30:00").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("consented_on", "ends_on"),
    [
        ("2026-01-15", "2026-07-15"),
        ("2026-07-20", "2027-01-20"),
        ("2026-08-31", "2027-02-28"),
        ("2027-08-31", "2028-02-29"),
        ("2026-03-31", "2026-09-30"),
        ("2026-12-31", "2027-06-30"),
        ("2026-06-30", "2026-12-30"),
    ],
)
def test_consent_ends_six_calendar_months_later_at_the_same_time_of_day(consented_on, ends_on):
    assert end_of_consent(day(consented_on)) == day(ends_on)
