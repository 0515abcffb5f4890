"""Every answer of Spotify's that is known to go wrong, and what comes of it: one table, expectations by hand.

The answers are those of tests/localcloud/spotify/faulty_spotify.py, which has them from people who met them.
For each: the sentence and the class of error in the ledger, the one log entry, the HTTP status, and what the other
listeners see of it: nothing. A test at the end demands that every answer that can be ordered stands in a table here.
"""

import csv
import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from tests.ingest.harness import SLOT
from tests.localcloud.gcp import secrets
from tests.localcloud.spotify.faulty_spotify import ERRORS, MISBEHAVIOURS


class Trouble(NamedTuple):
    """`status`: the answer's when no other listener was polled. 503 makes Cloud Scheduler retry within minutes."""

    error_class: str
    reason: str
    status: int
    endpoint: str = "recently-played"
    times: int | None = 1


def consent(what):
    return Trouble("NeedsConsent", f"{what}, run `python -m cli authorize listener-two`", 200)


def refused(what):
    reason = f"Spotify refused the request (status {what}), see whether its Web API has changed"
    return Trouble("RequestRefused", reason, 200)


def away(what):
    """Ordered often enough that no attempt of the run gets through."""
    reason = f"Spotify was not available ({what}), the next run tries again"
    return Trouble("SpotifyUnavailable", reason, 503, times=3)


def senseless(what):
    reason = f"Spotify's answer could not be read ({what}), the next run tries again"
    return Trouble("UnreadableAnswer", reason, 503, times=3)


APP_REFUSED = Trouble(
    "ClientRefused",
    "Spotify refused the app's client id or secret, run `python -m cli authorize LISTENER --new-client`",
    200,
    "token",
)
TOKEN_REFUSED = Trouble(
    "AccessTokenRefused",
    "Spotify refused an access token it had just given, the next run tries again",
    503,
    times=2,
)
NO_USER = Trouble(
    "NotAllowListed",
    "the account is not a user of the app, add it under User Management on https://developer.spotify.com/dashboard",
    200,
)
REVOKED = consent("consent was revoked")._replace(endpoint="token")

TROUBLES = {
    # The token endpoint. Only `error` names the reason.
    "invalid_grant_revoked": REVOKED,
    "invalid_grant_expired": REVOKED,
    "invalid_grant_unknown": REVOKED,  # also said of tokens that were good: parallel refreshes, bad days of Spotify's
    "code_expired": REVOKED,
    "code_invalid": REVOKED,
    "redirect_uri_differs": REVOKED,
    "invalid_client": APP_REFUSED,
    "invalid_client_secret": APP_REFUSED,
    "refresh_token_missing": refused("400: invalid_request")._replace(endpoint="token"),
    "code_missing": refused("400: invalid_request")._replace(endpoint="token"),
    "grant_type_missing": refused("400: unsupported_grant_type")._replace(endpoint="token"),
    "grant_type_unsupported": refused("400: unsupported_grant_type")._replace(endpoint="token"),
    "token_503_html": away("status 503")._replace(endpoint="token"),
    # The page of plays.
    "not_bearer": refused("400: Only valid bearer authentication supported"),
    "invalid_limit": refused("400: Invalid limit"),
    "invalid_id": refused("400: invalid id"),
    "too_many_ids": refused("400: Too many ids requested"),
    "access_token_expired": TOKEN_REFUSED,
    "access_token_invalid": TOKEN_REFUSED,
    "access_token_missing": TOKEN_REFUSED,
    "insufficient_scope": consent("consent does not cover recently played tracks"),
    "not_registered_old": NO_USER,
    "not_registered_2025": NO_USER,
    "not_registered_2025_text": NO_USER,
    "not_registered_2026": NO_USER,
    "not_registered_2026_text": NO_USER,
    "premium_lapsed": Trouble(
        "PremiumLapsed",
        "the app's owner has no active Spotify Premium, renew it (Spotify may take some hours to notice)",
        200,
    ),
    "access_token_not_seen": away("status 401: Access token missing"),
    "premium_required": away("status 403: Premium required"),
    "audio_features_closed": refused("403"),  # 403 without a message, where none is expected
    "forbidden": refused("403: Forbidden"),
    "analysis_not_found": refused("404: analysis not found"),
    "server_error": away("status 500"),
    "bad_gateway": away("status 502"),
    "redirect_to_no_url": away("status 302"),
    "gateway_timeout_html": away("status 504"),
    # What is not an answer at all, or is one to another request.
    "dropped": away("no answer, ConnectionError"),
    "not_json": away("status 200"),
    "body_cut_in_half": senseless("it is not JSON"),
    "empty_body": senseless("it has no body, status 200"),
    "no_content": senseless("it has no body, status 204"),
    "json_of_another_shape": senseless("it lacks the list items"),
}
AT_THE_TOKEN_ENDPOINT_TOO = {
    "dropped": away("no answer, ConnectionError"),
    "not_json": away("status 200"),
    "body_cut_in_half": senseless("it is not JSON"),
    "empty_body": senseless("it has no body, status 200"),
    "json_of_another_shape": senseless("it lacks access_token"),
    "bad_gateway": away("status 502"),
    "redirect_to_no_url": away("status 302"),
    "premium_lapsed": TROUBLES["premium_lapsed"],
    "not_registered_old": NO_USER,
    "not_registered_2025": NO_USER,
    "not_registered_2026_text": NO_USER,
}
CASES = [
    *TROUBLES.items(),
    *((name, trouble._replace(endpoint="token")) for name, trouble in AT_THE_TOKEN_ENDPOINT_TOO.items()),
]


def order(ingesting, name, trouble):
    listener = ingesting.slugs[1]
    ingesting.spotify.order(name, listener=listener, endpoint=trouble.endpoint, times=trouble.times)


def landed(ingesting, answer, column):
    """A column of the file that a run landed. No file is loaded here, so that the next run finds all plays new."""
    return [row[column] for row in csv.DictReader(io.StringIO(ingesting.landed()[answer.body["object"]]))]


def test_a_listener_in_trouble_has_its_own_outcome(ingesting):
    two = ingesting.slugs[1]
    ingesting.authorize(two)
    token = ingesting.token(two)
    found, expected = {}, {}
    for name, trouble in CASES:
        order(ingesting, name, trouble)
        answer = ingesting.run()
        found[name, trouble.endpoint] = (
            answer.status,
            *map(answer.body.get, ("state", "reason")),
            ingesting.token(two),
        )
        reason = f"no new plays from 0 of 1 listeners; {two}: {trouble.reason}"
        expected[name, trouble.endpoint] = (trouble.status, "failed", reason, token)
    assert found == expected
    assert ingesting.landed() == {}
    ledger = [(row["state"], row["listeners"], row["rows_new"], row["error_class"]) for row in ingesting.ledger()]
    assert ledger == [("failed", 1, 0, trouble.error_class) for _, trouble in CASES]


def test_a_listener_in_trouble_costs_no_other_a_play(ingesting):
    """Whatever Spotify said, the token is kept: later it may be good again, and then it serves."""
    one, two, three = ingesting.slugs
    ingesting.authorize(one, two, three)
    token = ingesting.token(two)
    found, expected, ledger = {}, {}, []
    for minutes, (name, trouble) in enumerate(CASES):
        order(ingesting, name, trouble)
        answer = ingesting.run(SLOT - timedelta(minutes=minutes))
        found[name, trouble.endpoint] = [
            (answer.status, *map(answer.body.get, ("state", "blocked_until", "reason")), answer.log),
            [answer.body["listeners"][two][key] for key in ("state", "fetched", "new", "error_class", "reason")],
            landed(ingesting, answer, "listener_id"),
            ingesting.token(two),
        ]
        reason = f"100 new plays from 2 of 3 listeners; {two}: {trouble.reason}"
        failure = {"error_class": trouble.error_class, "reason": trouble.reason}
        entry = {"severity": "ERROR", "message": "A listener could not be polled", "listener": two} | failure
        expected[name, trouble.endpoint] = [
            (200, "succeeded", None, reason, [entry | {"run_id": answer.body["run_id"]}]),
            ["failed", 0, 0, *failure.values()],
            [*[one] * 50, *[three] * 50],
            token,
        ]
        ledger.append(("succeeded", 3, 100, trouble.error_class, {"listeners": answer.body["listeners"]}))
    assert found == expected
    columns = ("state", "listeners", "rows_new", "error_class", "details")
    assert [tuple(map(row.get, columns)) for row in ingesting.ledger()] == ledger
    assert ingesting.run(SLOT + timedelta(minutes=1)).body["listeners"][two]["state"] == "collected"


RATE_LIMIT = "Spotify asked for a pause of {}, the first run after it tries again"
QUOTA = (
    "the calls that Spotify grants to the app's developer account are used up, and it asked for a pause of {}: the "
    "first run after it tries again; if this comes back, call Spotify less often (all of the account's apps count)"
)
AS_TEXT = {
    31: "31 s",
    3_300: "55 min",
    3_600: "1 h",
    7_201: "2 h",
    52_531: "14 h 35 min",
    82_661: "22 h 57 min",
    172_800: "48 h",
}
# What is ordered; the class, the sentence and the pause that it comes to.
PAUSES = [
    ({"name": "rate_limited", "retry_after_seconds": 82_661}, "RateLimited", RATE_LIMIT, 82_661),
    ({"name": "rate_limited", "retry_after_seconds": 31}, "RateLimited", RATE_LIMIT, 31),
    ({"name": "rate_limited_text", "retry_after_seconds": 3_600}, "RateLimited", RATE_LIMIT, 3_600),
    ({"name": "rate_limited", "endpoint": "token", "retry_after_seconds": 52_531}, "RateLimited", RATE_LIMIT, 52_531),
    ({"name": "quota_exceeded", "retry_after_seconds": 82_661}, "QuotaExceeded", QUOTA, 82_661),
    ({"name": "quota_exceeded"}, "QuotaExceeded", QUOTA, 3_300),
    ({"name": "rate_limited", "retry_after_seconds": "7200.5"}, "RateLimited", RATE_LIMIT, 7_201),
    ({"name": "quota_exceeded", "retry_after_seconds": "soon"}, "QuotaExceeded", QUOTA, 3_300),
    ({"name": "quota_exceeded", "endpoint": "token"}, "QuotaExceeded", QUOTA, 3_300),
    # Longer than anything seen in the wild: after two days one call finds out.
    ({"name": "rate_limited", "retry_after_seconds": 31_536_000}, "RateLimited", RATE_LIMIT, 172_800),
]


@pytest.mark.parametrize(("order", "error_class", "reason", "seconds"), PAUSES)
def test_a_pause_goes_into_the_ledger_and_what_was_collected_is_kept(ingesting, order, error_class, reason, seconds):
    one, two, _ = ingesting.slugs
    ingesting.authorize(one, two)
    ingesting.spotify.order(**order, listener=two)
    answer = ingesting.run()
    blocked_until = datetime.fromisoformat(answer.body["blocked_until"])
    assert timedelta(0) <= blocked_until - SLOT - timedelta(seconds=seconds) < timedelta(seconds=10)
    assert answer.body["listeners"][two]["error_class"] == error_class
    assert answer.body["listeners"][two]["reason"] == reason.format(AS_TEXT[seconds])
    assert [(entry["listener"], entry["error_class"]) for entry in answer.log] == [(two, error_class)]
    # Listener one may have been on its way already; if it was not, it was left alone.
    assert answer.body["listeners"][one]["state"] in ("collected", "not_asked")
    (row,) = ingesting.ledger()
    assert (row["blocked_until"].replace(microsecond=0), row["error_class"]) == (blocked_until, error_class)


def test_a_429_without_retry_after_is_waited_for_three_times_and_then_a_pause_goes_into_the_ledger(
    ingesting, monkeypatch
):
    monkeypatch.setattr("http_client._PAUSE_SECONDS_BY_DEFAULT", 1)
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    ingesting.spotify.order("rate_limited_text")
    assert ingesting.run().body["rows_new"] == 50
    ingesting.spotify.order("rate_limited", times=4)
    answer = ingesting.run(SLOT + timedelta(minutes=1))
    assert answer.body["listeners"][slug]["reason"] == RATE_LIMIT.format("1 s")


def test_a_day_long_pause_is_honoured_by_every_run_and_ends_on_time(ingesting):
    """No call at all, to the token endpoint neither; the first run after its end asks again."""
    one, two, _ = ingesting.slugs
    ingesting.authorize(two)
    ingesting.spotify.order("quota_exceeded", retry_after_seconds=82_661)
    first = ingesting.run()
    assert (first.status, first.body["state"]) == (200, "failed")
    ingesting.authorize(one)
    until = first.body["blocked_until"]
    reason = f"Spotify asked for a pause until {until[:10]} {until[11:19]} UTC: no call was made"
    for hour, waited in ((1, 1), (12, 11), (22, 10)):
        ingesting.travel(hours=waited)
        ingesting.cloud.faults.calls.clear()
        blocked = ingesting.run(SLOT + timedelta(hours=hour))
        assert (blocked.status, blocked.body["state"], blocked.log) == (200, "skipped", [])
        assert (blocked.body["reason"], blocked.body["blocked_until"]) == (reason, until)
        assert blocked.polled == 0  # or the alert on missing runs would never fire
        assert not [call for call in ingesting.cloud.faults.calls if call.startswith("spotify")]
    ingesting.travel(hours=1)
    assert ingesting.run(SLOT + timedelta(hours=23)).body["state"] == "succeeded"
    assert [row["state"] for row in ingesting.ledger()] == ["failed", *["skipped"] * 3, "succeeded"]


def test_a_pause_that_ends_seconds_after_a_run_has_begun_is_waited_for(ingesting, monkeypatch):
    ingesting.authorize(ingesting.slugs[0])
    ingesting.spotify.order("quota_exceeded", retry_after_seconds=3_600)
    until = datetime.fromisoformat(ingesting.run().body["blocked_until"])
    ingesting.travel(seconds=(until - datetime.now(UTC)).total_seconds() - 5)
    slept = []
    monkeypatch.setattr("ingest_run.time", SimpleNamespace(sleep=slept.append))
    assert ingesting.run(SLOT + timedelta(hours=1)).body["state"] == "succeeded"
    assert slept == [5]


def test_a_refresh_that_brings_no_new_token_writes_no_secret(ingesting):
    slug = ingesting.slugs[0]
    ingesting.authorize(slug)
    for minute in range(3):
        assert ingesting.run(SLOT + timedelta(minutes=minute)).body["listeners"][slug]["error_class"] is None
    assert secrets.versions(ingesting.cloud, f"refresh-token-{slug}") == {1: "ENABLED"}


CLOSED = "closed for this app, set AUDIO_FEATURES_SOURCE to off or reccobeats"
# What a provider of audio features answers: the setting, the reason in the one WARNING entry. No play is lost.
FEATURE_TROUBLES = {
    "audio_features_closed": ("spotify", "audio-features", CLOSED, "RequestRefused"),
    "forbidden": ("spotify", "audio-features", CLOSED, "RequestRefused"),
    "analysis_not_found": ("spotify", "audio-features", "status 404: analysis not found", "RequestRefused"),
    "too_many_ids": ("spotify", "audio-features", "status 400: Too many ids requested", "RequestRefused"),
    "rate_limited": ("spotify", "audio-features", "a pause of 22 h 57 min", "RateLimited"),
    "quota_exceeded": ("spotify", "audio-features", "a pause of 22 h 57 min", "QuotaExceeded"),
    "bad_gateway": ("spotify", "audio-features", "status 502", "SpotifyUnavailable"),
    "redirect_to_no_url": ("reccobeats", "reccobeats", "status 302", "SpotifyUnavailable"),
    "json_of_another_shape": ("spotify", "audio-features", "it lacks the list audio_features", "UnreadableAnswer"),
    "reccobeats_missing_parameter": ("reccobeats", "reccobeats", "status 400", "RequestRefused"),
    "reccobeats_too_many_requests": ("reccobeats", "reccobeats", "a pause of 22 h 57 min", "RateLimited"),
    "reccobeats_server_error": ("reccobeats", "reccobeats", "status 500", "SpotifyUnavailable"),
}


def test_a_provider_of_audio_features_in_trouble_costs_no_play_and_is_logged_once(ingesting):
    ingesting.authorize(*ingesting.slugs)
    found, answers = {}, []
    for minutes, (name, (source, endpoint, reason, _)) in enumerate(FEATURE_TROUBLES.items()):
        ingesting.environment["AUDIO_FEATURES_SOURCE"] = source
        ingesting.restart()
        ingesting.spotify.faults.clear()
        ingesting.spotify.order(name, endpoint=endpoint, times=None, retry_after_seconds=82_661)
        answers.append(answer := ingesting.run(SLOT - timedelta(minutes=minutes)))
        ((entry),) = answer.log
        assert entry["severity"] == "WARNING"
        assert entry["message"] == "Audio features could not be fetched; the plays land without them"
        assert reason in entry["reason"]
        found[name] = (entry["provider"], endpoint, reason, entry["error_class"])
        assert landed(ingesting, answer, "features_source") == [""] * 150
    assert found == FEATURE_TROUBLES
    assert {(answer.status, *map(answer.body.get, ("state", "blocked_until"))) for answer in answers} == {
        (200, "succeeded", None)
    }
    rows = {(row["state"], row["error_class"], row["blocked_until"]) for row in ingesting.ledger()}
    assert rows == {("succeeded", None, None)}


ELSEWHERE = {
    # test_troubles.py: a silent server, items that are not plays, unusual items that are
    "slow",
    "item_without_track",
    "item_local_file",
    "item_episode",
    "item_without_track_name",
    "item_with_emptied_names",
    "item_without_played_at",
    "item_with_unknown_field",
    "item_without_milliseconds",
    # test_authorize.py: ingest reads no scope
    "token_without_scope",
    # not an error that anybody could see: plays come late, and every run asks for the newest 50
    "stale",
}


def test_every_answer_that_can_be_ordered_stands_in_a_table():
    in_pauses = {order["name"] for order, *_ in PAUSES}
    assert {*TROUBLES, *FEATURE_TROUBLES, *in_pauses, *ELSEWHERE} == {*ERRORS, *MISBEHAVIOURS}
