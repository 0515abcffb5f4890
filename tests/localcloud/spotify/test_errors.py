import json
import time
from datetime import timedelta

import pytest
import requests

from tests.localcloud.spotify.caller import NOON, ONE, TWO, Caller, calling
from tests.localcloud.spotify.faulty_spotify import ERRORS, MISBEHAVIOURS, service_of

PREMIUM = (
    "Active premium subscription required for the owner of the app. When the subscription status changes, it can take "
    "a few hours before requests are allowed again."
)
NOT_REGISTERED = (
    "The user is not registered for this application. Please check your settings on "
    "https://developer.spotify.com/dashboard."
)
MAY_NOT_BE_REGISTERED = "Check settings on developer.spotify.com/dashboard, the user may not be registered."
# What each error looks like from outside, written down a second time: status, JSON body or text.
EXPECTED = {
    "invalid_grant_revoked": (400, {"error": "invalid_grant", "error_description": "Refresh token revoked"}),
    "invalid_grant_expired": (400, {"error": "invalid_grant", "error_description": "Refresh token expired"}),
    "invalid_grant_unknown": (400, {"error": "invalid_grant", "error_description": "Invalid refresh token"}),
    "code_expired": (400, {"error": "invalid_grant", "error_description": "Authorization code expired"}),
    "code_invalid": (400, {"error": "invalid_grant", "error_description": "Invalid authorization code"}),
    "redirect_uri_differs": (400, {"error": "invalid_grant", "error_description": "Invalid redirect URI"}),
    "invalid_client": (400, {"error": "invalid_client", "error_description": "Invalid client"}),
    "invalid_client_secret": (400, {"error": "invalid_client", "error_description": "Invalid client secret"}),
    "refresh_token_missing": (
        400,
        {"error": "invalid_request", "error_description": "refresh_token must be supplied"},
    ),
    "code_missing": (400, {"error": "invalid_request", "error_description": "code must be supplied"}),
    "grant_type_missing": (
        400,
        {"error": "unsupported_grant_type", "error_description": "grant_type parameter is missing"},
    ),
    "grant_type_unsupported": (
        400,
        {
            "error": "unsupported_grant_type",
            "error_description": "grant_type must be client_credentials, authorization_code or refresh_token",
        },
    ),
    "not_bearer": (400, {"error": {"status": 400, "message": "Only valid bearer authentication supported"}}),
    "invalid_limit": (400, {"error": {"status": 400, "message": "Invalid limit"}}),
    "invalid_id": (400, {"error": {"status": 400, "message": "invalid id"}}),
    "too_many_ids": (400, {"error": {"status": 400, "message": "Too many ids requested"}}),
    "access_token_expired": (401, {"error": {"status": 401, "message": "The access token expired"}}),
    "access_token_invalid": (401, {"error": {"status": 401, "message": "Invalid access token"}}),
    "access_token_missing": (401, {"error": {"status": 401, "message": "No token provided"}}),
    "insufficient_scope": (403, {"error": {"status": 403, "message": "Insufficient client scope"}}),
    "not_registered_old": (403, "User not registered in the Developer Dashboard"),
    "not_registered_2025": (403, {"error": {"status": 403, "message": MAY_NOT_BE_REGISTERED}}),
    "not_registered_2025_text": (403, MAY_NOT_BE_REGISTERED),
    "not_registered_2026": (403, {"error": {"status": 403, "message": NOT_REGISTERED}}),
    "not_registered_2026_text": (403, NOT_REGISTERED),
    "premium_lapsed": (403, PREMIUM),
    "audio_features_closed": (403, {"error": {"status": 403}}),
    "forbidden": (403, {"error": {"status": 403, "message": "Forbidden"}}),
    "analysis_not_found": (404, {"error": {"status": 404, "message": "analysis not found"}}),
    "rate_limited": (429, {"error": {"status": 429, "message": "API rate limit exceeded"}}),
    "rate_limited_text": (429, "Too many requests"),
    "quota_exceeded": (
        429,
        {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}},
    ),
    "server_error": (500, {"error": {"status": 500, "message": "Server error."}}),
    "bad_gateway": (502, {"error": {"status": 502, "message": "Bad gateway."}}),
    "reccobeats_missing_parameter": (400, {"status": 4001, "error": "Missing parameter"}),
    "reccobeats_too_many_requests": (429, {"status": 4291, "error": "Too many requests"}),
    "reccobeats_server_error": (500, {"status": 5001, "error": "Internal server error"}),
}
HTML = {"token_503_html": (503, "503 Service Temporarily"), "gateway_timeout_html": (504, "504 Gateway Time-out")}
PATHS = {
    "me": "/v1/me",
    "recently-played": "/v1/me/player/recently-played",
    "audio-features": "/v1/audio-features",
    "reccobeats": "/reccobeats/v1/audio-features",
}


@pytest.fixture(scope="module")
def shared():
    with calling() as caller:
        yield caller


@pytest.fixture
def app(shared):
    shared.spotify.faults.clear()
    shared.clock.set(NOON)
    return shared


@pytest.fixture
def token(app):
    return app.access_token()


def call(app: Caller, endpoint: str, access_token: str) -> requests.Response:
    if endpoint == "token":
        return app.token(grant_type="client_credentials")
    return app.get(PATHS[endpoint], access_token)


def plays(app: Caller, access_token: str) -> requests.Response:
    return call(app, "recently-played", access_token)


def test_every_error_there_is_is_written_down_here(app):
    assert EXPECTED.keys() | HTML.keys() == ERRORS.keys()


def test_the_two_texts_without_json_are_as_long_as_they_were_measured():
    assert len(ERRORS["premium_lapsed"].body) == 159
    assert len(ERRORS["not_registered_old"].body) == 46


@pytest.mark.parametrize("name", EXPECTED)
def test_an_error_can_be_ordered_by_name_and_happens_once_where_it_belongs(app, token, name):
    homes = {"accounts": "token", "api": "recently-played", "reccobeats": "reccobeats"}
    endpoint = homes[service_of(name)]
    if name in ("audio_features_closed", "analysis_not_found"):
        endpoint = "audio-features"
    usual = call(app, endpoint, token).content if endpoint != "token" else None
    app.spotify.order(name)

    answer = call(app, endpoint, token)
    status, body = EXPECTED[name]

    assert answer.status_code == status
    if isinstance(body, str):
        assert (answer.text, answer.headers["Content-Type"]) == (body, "text/plain; charset=utf-8")
    else:
        assert (answer.json(), answer.headers["Content-Type"]) == (body, "application/json; charset=utf-8")
    assert "Retry-After" not in answer.headers
    assert app.spotify.faults.pending() == ()
    if usual is not None:
        assert call(app, endpoint, token).content == usual


@pytest.mark.parametrize(("name", "endpoint"), [("token_503_html", "token"), ("gateway_timeout_html", "me")])
def test_gateways_answer_with_a_page(app, token, name, endpoint):
    app.spotify.order(name)
    answer = call(app, endpoint, token)
    status, title = HTML[name]

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<html>")
    assert f"<title>{title}" in answer.text
    assert "nginx" in answer.text


def test_a_wait_can_be_asked_for_in_seconds(app, token):
    app.spotify.order("quota_exceeded", retry_after_seconds=82_661)
    answer = plays(app, token)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "82661")
    assert answer.json()["error"]["reason"] == "QUOTA_EXCEEDED"


def test_an_error_for_one_listener_leaves_the_others_alone(app, token):
    other = app.access_token(TWO)
    app.spotify.order("not_registered_old", listener=TWO, times=None)

    assert plays(app, token).status_code == 200
    assert plays(app, other).status_code == 403
    assert app.get("/v1/me", other).status_code == 403
    assert app.get("/v1/me", app.app_token()).status_code != 200


def test_a_token_error_for_one_listener_knows_whose_token_it_is(app):
    mine, others = app.spotify.consent(ONE)["refresh_token"], app.spotify.consent(TWO)["refresh_token"]
    app.spotify.order("invalid_grant_revoked", listener=TWO, times=None)

    assert app.refresh(mine).status_code == 200
    assert app.refresh(others).json()["error_description"] == "Refresh token revoked"
    app.spotify.faults.clear()
    assert app.refresh(others).status_code == 200


def test_an_error_can_be_sent_to_one_endpoint_even_to_one_it_is_not_known_from(app, token):
    app.spotify.order("rate_limited", endpoint="token", retry_after_seconds=3)
    app.spotify.order("bad_gateway", endpoint="me")

    assert plays(app, token).status_code == 200
    assert app.get("/v1/me", token).status_code == 502
    answer = app.token(grant_type="client_credentials")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")


def test_an_error_can_wait_for_its_turn_and_come_several_times(app, token):
    app.spotify.order("server_error", skip=2, times=3)
    assert [plays(app, token).status_code for _ in range(7)] == [200, 200, 500, 500, 500, 200, 200]


def test_orders_are_carried_out_in_turn_one_for_each_call(app, token):
    app.spotify.order("bad_gateway")
    app.spotify.order("premium_lapsed", times=None)
    assert [plays(app, token).status_code for _ in range(3)] == [502, 403, 403]
    app.spotify.faults.clear()
    assert plays(app, token).status_code == 200


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({"name": "no_such_error"}, "Unknown error 'no_such_error'; known: invalid_grant_revoked"),
        ({"name": "slow", "endpoint": "nowhere"}, "Unknown endpoint 'nowhere'; known: token"),
        ({"name": "slow", "listener": "unknown"}, "Unknown listener 'unknown'; known: listener-one"),
        ({"name": "slow", "times": 0}, "times must be at least 1"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_by_name(app, details, message):
    with pytest.raises(ValueError, match=message):
        app.spotify.order(**details)
    assert app.spotify.faults.pending() == ()


def test_a_body_can_be_cut_in_half(app, token):
    whole = plays(app, token).content
    app.spotify.order("body_cut_in_half")

    answer = plays(app, token)

    assert (answer.status_code, answer.content) == (200, whole[: len(whole) // 2])
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("not_json", "<html><body>Please try again later.</body></html>"),
        ("empty_body", ""),
        ("no_content", ""),
        ("json_of_another_shape", "[]"),
    ],
)
def test_an_answer_can_be_something_else_altogether(app, token, name, body):
    app.spotify.order(name)
    assert (plays(app, token).text, plays(app, token).status_code) == (body, 200)


def test_a_token_answer_can_be_lost_after_the_token_was_rotated(app):
    old = app.spotify.consent(ONE)["refresh_token"]
    app.spotify.rotate_next(ONE, old_dies_at_once=True)
    app.spotify.order("body_cut_in_half", endpoint="token")

    assert app.refresh(old).status_code == 200
    assert app.refresh(old).json()["error_description"] == "Refresh token revoked"


def test_an_answer_can_be_slow_and_still_be_right(app, token):
    usual = plays(app, token).content
    app.spotify.order("slow", seconds=0.2)
    begun = time.monotonic()

    assert plays(app, token).content == usual
    assert time.monotonic() - begun >= 0.2


def test_a_connection_can_be_dropped_without_an_answer(app, token):
    app.spotify.order("dropped")
    with pytest.raises(requests.ConnectionError):
        plays(app, token)
    assert plays(app, token).status_code == 200


def test_the_page_can_be_stale_by_hours(app, token):
    app.spotify.order("stale", seconds=86_400)
    stale, fresh = plays(app, token).json(), plays(app, token).json()

    seen = app.spotify.window(ONE, app.clock.now() - timedelta(days=1))
    assert [item["track"]["id"] for item in stale["items"]] == [play.track.id for play in seen[:20]]
    assert stale["items"] != fresh["items"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("item_without_track", lambda item: item.update(track=None)),
        ("item_episode", lambda item: item["track"].update(type="episode")),
        ("item_without_track_name", lambda item: item["track"].pop("name")),
        ("item_without_played_at", lambda item: item.pop("played_at")),
        ("item_with_unknown_field", lambda item: item.update(never_seen_before={"deep": [1]})),
        (
            "item_with_emptied_names",
            lambda item: item["track"].update(
                name="",
                artists=[{"id": None, "name": ""}],
                album={"id": None, "name": "", "images": [], "release_date": None},
            ),
        ),
        ("item_without_milliseconds", lambda item: item.update(played_at=item["played_at"].split(".")[0] + "Z")),
    ],
)
def test_the_newest_item_of_a_page_can_be_spoilt_and_only_that(app, token, name, change):
    right = plays(app, token).json()
    app.spotify.order(name)
    call(app, "me", token)  # a spoilt item needs a page: other calls do not use the order up

    spoilt = plays(app, token).json()

    change(right["items"][0])
    assert spoilt == right


def test_a_page_can_withhold_all_but_its_newest_play_and_still_name_a_next_page(app, token):
    right = plays(app, token).json()
    app.spotify.order("page_withheld")
    short = plays(app, token).json()
    assert short == right | {"items": right["items"][:1]}
    assert short["next"]


def test_an_item_can_be_a_local_file(app, token):
    app.spotify.order("item_local_file")
    track = plays(app, token).json()["items"][0]["track"]
    assert (track["id"], track["is_local"], track["external_ids"]) == (None, True, {})
    assert track["uri"].startswith("spotify:local:")


def test_every_misbehaviour_has_been_tried_here(app):
    tried = {
        "slow", "dropped", "body_cut_in_half", "not_json", "empty_body", "json_of_another_shape", "stale",
        "page_withheld", "no_content", "item_with_emptied_names",
        "item_without_track", "item_local_file", "item_episode", "item_without_track_name", "item_without_played_at",
        "item_with_unknown_field", "item_without_milliseconds",
    }  # fmt: skip
    assert tried == MISBEHAVIOURS.keys()
