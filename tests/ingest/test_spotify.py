import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import time_machine

import failures
from failures import (
    AccessTokenRefused,
    NeedsConsent,
    NotAllowListed,
    PremiumLapsed,
    QuotaExceeded,
    RateLimited,
    RequestRefused,
)
from http_client import Session, to_pause
from localcloud.web import Response, Routes, Server
from spotify import App, Grant, Spotify, api_refusal, features_refusal, token_refusal
from tests.localcloud.spotify.faulty_spotify import ERRORS


@pytest.mark.parametrize("refusal", [token_refusal, api_refusal])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("User not registered in the Developer Dashboard", NotAllowListed),
        ("User not approved for app", NotAllowListed),
        (
            '{"error":"invalid_grant","error_description":"USER not registered in the developer dashboard"}',
            NotAllowListed,
        ),
        ('{"error":{"message":"Check settings on x.example/y, the user may not be registered."}}', NotAllowListed),
        ("<html><body>The user is not registered for this application.</body></html>", NotAllowListed),
        ('{"error":"server_error","error_description":"Active premium subscription required"}', PremiumLapsed),
        ('{"error":{"status":401,"message":"Permissions missing"}}', NeedsConsent),
        ("This track is not for a registered user", RequestRefused),
        ('{"error":"invalid_request","error_description":"redirect URI not registered"}', RequestRefused),
    ],
)
def test_a_known_sentence_means_the_same_whichever_server_says_it_and_however_it_is_wrapped(refusal, body, kind):
    assert type(refusal(403, body)) is kind


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error":{"status":404,"message":"Service not found"}}', "status 404: Service not found"),
        (
            '{"error":"invalid_request","error_description":"refresh_token must be supplied"}',
            "status 404: invalid_request",
        ),
        ('{"error":{"status":404}}', "status 404"),
        ('["error"]', "status 404"),
        ("no JSON", "status 404"),
        ('{"error":{"message":"token AQDabcdefghijklmnopqrstuvwxyz of a@b.example"}}', "status 404: token … of …"),
        (f'{{"error":{{"message":"{"word " * 100}"}}}}', "status 404: " + "word " * 24),
        (
            r'{"error":{"message":"red\u001b[31m,\n\"severity\": 7\u0000\u202e\u009b2J"}}',
            'status 404: red [31m, "severity": 7 2J',
        ),
        ("[" * 100_000, "status 404"),
    ],
)
def test_spotifys_own_words_are_repeated_without_anything_that_may_be_a_token_or_an_address(body, words):
    assert str(api_refusal(404, body)) == words


def test_any_403_for_audio_features_means_that_they_are_closed():
    for body in ('{"error":{"status":403}}', "Forbidden", '{"error":{"status":403,"message":"Forbidden"}}'):
        assert "set AUDIO_FEATURES_SOURCE to off or reccobeats" in str(features_refusal(403, body))
    assert type(features_refusal(401, "")) is AccessTokenRefused


@pytest.mark.parametrize(
    ("retry_after", "body", "kind", "seconds"),
    [
        ("0", "", RateLimited, 5),
        ("0.0 s", ERRORS["quota_exceeded"].body.decode(), QuotaExceeded, 3300),
        ("3", "", RateLimited, 3),
        ("82661", "", RateLimited, 82_661),
        ("31536000", "", RateLimited, 172_800),
        (None, "Too many requests", RateLimited, 5),
        (None, ERRORS["quota_exceeded"].body.decode(), QuotaExceeded, 3300),
        ("4", ERRORS["quota_exceeded"].body.decode(), QuotaExceeded, 4),
        ("Sun, 22 Nov 2026 10:00:00 GMT", "", RateLimited, 5),
        ("-1", "", RateLimited, 5),
        ("٣", "", RateLimited, 5),
        ("1.5", "", RateLimited, 2),
        ("0.2", "", RateLimited, 1),
        ("120 s", "", RateLimited, 120),
        ("90 Seconds", "", RateLimited, 90),
        ("soon", "", RateLimited, 5),
        ("1e3", "", RateLimited, 5),
        ("inf", ERRORS["quota_exceeded"].body.decode(), QuotaExceeded, 3300),
        ("Sun, 22 Nov 2026 11:00:30 GMT", "", RateLimited, 3_630),
        ("Sun, 22 Nov 2026 12:00:00 +0100", ERRORS["quota_exceeded"].body.decode(), QuotaExceeded, 3_600),
        ("Sunday, 22-Nov-26 10:00:07 GMT", "", RateLimited, 7),
        ("Thu, 31 Dec 9999 23:59:59 GMT", "", RateLimited, 172_800),
        ("Thu, 31 Dec 99999 23:59:59 GMT", "", RateLimited, 5),
        ("Sun, 22 Nov 2026 09:59:59 GMT", "", RateLimited, 5),
        ("9" * 5000, "", RateLimited, 172_800),
        ("", ERRORS["quota_exceeded"].body.decode(), QuotaExceeded, 3300),
    ],
)
def test_the_pause_after_a_429_is_what_spotify_asks_for_within_reason(retry_after, body, kind, seconds):
    with time_machine.travel(datetime(2026, 11, 22, 10, tzinfo=UTC), tick=False):
        pause = to_pause(retry_after, body)
    assert (type(pause), pause.pause_seconds) == (kind, seconds)


def all_failures(base=failures.Failure):
    return [kind for child in base.__subclasses__() for kind in (child, *all_failures(child))]


def test_every_failure_is_explained_and_says_whether_a_retry_heals_it():
    made = [kind(60) if issubclass(kind, RateLimited) else kind("what happened") for kind in all_failures()]
    assert {type(failure).__name__ for failure in made if failure.retry_heals} == {
        "SecretUnavailable",
        "AccessTokenRefused",
        "SpotifyUnavailable",
        "UnreadableAnswer",
    }
    sentences = [failure.explain("ada") for failure in made]
    assert len(set(sentences)) == len(sentences)
    assert not [sentence for sentence in sentences if "{" in sentence.replace('{"client_id"', "")]


def test_secrets_do_not_show_in_a_repr():
    shown = repr([App("id", "s3cret"), Grant("t0ken", "r3fresh")])
    assert not [word for word in ("s3cret", "t0ken", "r3fresh") if word in shown]


def test_one_token_that_two_secrets_hold_is_never_refreshed_twice_at_once():
    running, most = Counter(), Counter()

    def answer(request):
        running[request.body] += 1
        most[request.body] = max(most[request.body], running[request.body])
        time.sleep(0.02)
        running[request.body] -= 1
        return Response.of_json({"access_token": "a"})

    routes = Routes()
    routes.add("POST", "/api/token", answer)
    server = Server("spotify", routes).start()
    spotify = Spotify(Session(), server.url, server.url, App("id", "secret"))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(spotify.refresh, ["shared"] * 4)) == [Grant("a", None)] * 4
    server.stop()
    assert most == {b"grant_type=refresh_token&refresh_token=shared": 1}
