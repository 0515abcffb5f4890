from datetime import UTC, datetime, timedelta

import pytest
import requests

from localcloud.spotify.accounts import SCOPE, App
from localcloud.spotify.server import REDIRECT_URI
from tests.localcloud.spotify.caller import ONE, TWO, Caller, calling, sent_back_with

REVOKED = {"error": "invalid_grant", "error_description": "Refresh token revoked"}


@pytest.fixture
def app():
    with calling() as caller:
        yield caller


def redeem(app: Caller, code: str, redirect_uri: str = REDIRECT_URI) -> requests.Response:
    return app.token(grant_type="authorization_code", code=code, redirect_uri=redirect_uri)


def new_code(app: Caller) -> str:
    return sent_back_with(app.decide(app.open_consent_page(), "agree"))["code"]


def test_agreeing_on_the_consent_page_leads_to_tokens_of_the_chosen_listener(app):
    page = app.open_consent_page()
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"

    back = sent_back_with(app.decide(page, "agree", TWO))
    answer = redeem(app, back["code"])
    tokens = answer.json()

    assert back.keys() == {"code", "state"}
    assert back["state"] == "a&b=c"
    assert answer.status_code == 200
    assert tokens.keys() == {"access_token", "token_type", "scope", "expires_in", "refresh_token"}
    assert (tokens["token_type"], tokens["scope"], tokens["expires_in"]) == ("Bearer", SCOPE, 3600)
    assert app.get("/v1/me", tokens["access_token"]).json()["display_name"] == "Invented Listener Two"
    assert app.refresh(tokens["refresh_token"]).status_code == 200


def test_cancelling_sends_back_that_access_was_denied(app):
    assert sent_back_with(app.decide(app.open_consent_page(), "cancel")) == {"error": "access_denied", "state": "a&b=c"}


def test_without_a_state_none_is_made_up(app):
    assert sent_back_with(app.decide(app.open_consent_page(state=None), "cancel")) == {"error": "access_denied"}


def test_what_an_app_sends_is_shown_as_text_and_never_as_page(app):
    page = app.open_consent_page(state='"><script>alert(1)</script>')
    assert "<script>" not in page.text
    assert sent_back_with(app.decide(page, "cancel"))["state"] == '"><script>alert(1)</script>'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"client_id": None}, "Missing required parameter: client_id"),
        ({"response_type": None}, "Missing required parameter: response_type"),
        ({"redirect_uri": None}, "Missing required parameter: redirect_uri"),
        ({"client_id": "0" * 32}, "INVALID_CLIENT: Invalid client"),
        ({"response_type": "token"}, "response_type must be code"),
        ({"scope": "user-read-everything"}, "Illegal scope"),
        ({"redirect_uri": "http://localhost:8888/callback"}, "INVALID_CLIENT: Invalid redirect URI"),
        ({"redirect_uri": f"{REDIRECT_URI}/"}, "INVALID_CLIENT: Invalid redirect URI"),
        ({"redirect_uri": "http://127.0.0.1:8889/callback"}, "INVALID_CLIENT: Invalid redirect URI"),
        ({"redirect_uri": "https://elsewhere.invalid/callback"}, "INVALID_CLIENT: Invalid redirect URI"),
    ],
)
def test_a_wrong_request_for_consent_is_refused_on_the_spot_without_a_redirect(app, change, message):
    refused = app.open_consent_page(**change)
    assert (refused.status_code, refused.text) == (400, message)


def test_a_forged_decision_is_refused_like_a_forged_request(app):
    form = {
        "client_id": app.spotify.app.client_id,
        "response_type": "code",
        "redirect_uri": "https://elsewhere.invalid/",
        "listener": ONE,
        "decision": "agree",
    }
    refused = requests.post(f"{app.url}/authorize", data=form, allow_redirects=False, timeout=10)
    unknown_form = form | {"redirect_uri": REDIRECT_URI, "listener": "listener-unknown"}
    unknown = requests.post(f"{app.url}/authorize", data=unknown_form, allow_redirects=False, timeout=10)

    assert (refused.status_code, refused.text) == (400, "INVALID_CLIENT: Invalid redirect URI")
    assert (unknown.status_code, unknown.text) == (400, "Unknown listener")


def test_a_loopback_address_registered_without_a_port_may_come_with_any():
    registered = App("id", "secret", "http://127.0.0.1/callback")

    assert registered.may_redirect_to("http://127.0.0.1/callback")
    assert registered.may_redirect_to("http://127.0.0.1:43121/callback")
    assert not registered.may_redirect_to("http://127.0.0.1:43121/callback/")
    assert not registered.may_redirect_to("http://127.0.0.1:43121/other")


def test_a_code_can_be_used_once(app):
    code = new_code(app)
    first, second = redeem(app, code), redeem(app, code)

    assert first.status_code == 200
    assert second.status_code == 400
    assert second.json() == {"error": "invalid_grant", "error_description": "Invalid authorization code"}


def test_a_code_lives_ten_minutes(app):
    young, old = new_code(app), new_code(app)
    app.wait(minutes=9, seconds=50)
    assert redeem(app, young).status_code == 200
    app.wait(seconds=15)
    assert redeem(app, old).json() == {"error": "invalid_grant", "error_description": "Authorization code expired"}
    assert redeem(app, old).json() == {"error": "invalid_grant", "error_description": "Invalid authorization code"}


def test_a_code_is_bound_to_the_address_it_was_sent_to(app):
    answer = redeem(app, new_code(app), "https://elsewhere.invalid/")
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_grant", "error_description": "Invalid redirect URI"}


def test_the_apps_own_token_comes_without_scope_and_without_refresh_token(app):
    answer = app.token(grant_type="client_credentials").json()
    assert answer == {"access_token": answer["access_token"], "token_type": "Bearer", "expires_in": 3600}


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (
            {"grant_type": "password"},
            {
                "error": "unsupported_grant_type",
                "error_description": "grant_type must be client_credentials, authorization_code or refresh_token",
            },
        ),
        (
            {"grant_type": "refresh_token", "refresh_token": "never given out"},
            {"error": "invalid_grant", "error_description": "Invalid refresh token"},
        ),
    ],
)
def test_a_wrong_request_for_tokens_gets_the_reason(app, form, body):
    answer = app.token(**form)
    assert (answer.status_code, answer.json()) == (400, body)


def test_a_client_that_cannot_prove_itself_gets_no_token_and_ends_no_other_token(app):
    refresh_token = app.spotify.consent(ONE)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    client_id = app.spotify.app.client_id
    answers = [
        requests.post(f"{app.url}/api/token", data=form, auth=auth, headers=headers, timeout=10)
        for auth, headers in [
            ((client_id, "wrong"), {}),
            (("unknown", "wrong"), {}),
            (None, {}),
            (None, {"Authorization": "Basic not base64"}),
        ]
    ]

    assert [answer.status_code for answer in answers] == [400] * 4
    assert [answer.json()["error"] for answer in answers] == ["invalid_client"] * 4
    assert answers[0].json()["error_description"] == "Invalid client secret"
    assert app.refresh(refresh_token).status_code == 200


def test_a_revoked_consent_ends_the_refresh_token_and_no_other(app):
    mine, others = app.spotify.consent(ONE), app.spotify.consent(TWO)
    access_token = app.refresh(mine["refresh_token"]).json()["access_token"]

    app.spotify.revoke(ONE)

    answer = app.refresh(mine["refresh_token"])
    assert (answer.status_code, answer.json()) == (400, REVOKED)
    assert app.refresh(others["refresh_token"]).status_code == 200
    assert app.get("/v1/me", access_token).status_code == 200  # until its hour is over
    assert app.refresh(app.spotify.consent(ONE)["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    ("consented", "ends"),
    [
        (datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2027, 5, 22, 12, tzinfo=UTC)),
        (datetime(2026, 8, 31, 12, tzinfo=UTC), datetime(2027, 2, 28, 12, tzinfo=UTC)),
        (datetime(2027, 8, 30, 12, tzinfo=UTC), datetime(2028, 2, 29, 12, tzinfo=UTC)),
    ],
)
def test_a_consent_ends_six_months_later_however_often_it_was_used(app, consented, ends):
    app.clock.set(consented)
    refresh_token = app.spotify.consent(ONE)["refresh_token"]
    for _ in range(3):
        app.wait(days=50)
        assert app.refresh(refresh_token).status_code == 200

    app.clock.set(ends - timedelta(minutes=1))
    assert app.refresh(refresh_token).status_code == 200
    app.clock.set(ends + timedelta(minutes=1))
    answer = app.refresh(refresh_token)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_grant", "error_description": "Refresh token expired"},
    )


def test_a_rotated_token_ends_with_the_consent_it_came_from(app):
    refresh_token = app.spotify.consent(ONE)["refresh_token"]
    app.wait(days=100)
    app.spotify.rotate_next(ONE)
    rotated = app.refresh(refresh_token).json()["refresh_token"]
    app.wait(days=80)
    assert app.refresh(rotated).status_code == 200
    app.wait(days=2)
    assert app.refresh(rotated).json()["error_description"] == "Refresh token expired"


def test_a_rotation_happens_once_and_the_old_token_dies_when_the_new_one_is_first_used(app):
    old = app.spotify.consent(ONE)["refresh_token"]
    app.spotify.rotate_next(ONE)

    new = app.refresh(old).json()["refresh_token"]
    assert new != old
    again = app.refresh(old)
    assert (again.status_code, "refresh_token" in again.json()) == (200, False)
    assert app.refresh(new).status_code == 200
    assert (app.refresh(old).status_code, app.refresh(old).json()) == (400, REVOKED)
    assert app.refresh(new).status_code == 200


def test_the_old_token_can_be_made_to_die_at_once(app):
    old = app.spotify.consent(ONE)["refresh_token"]
    app.spotify.rotate_next(ONE, old_dies_at_once=True)

    new = app.refresh(old).json()["refresh_token"]

    assert app.refresh(old).json() == REVOKED
    assert app.refresh(new).status_code == 200


def test_an_access_token_lives_one_hour(app):
    token = app.access_token()
    app.wait(minutes=59, seconds=50)
    assert app.get("/v1/me", token).status_code == 200
    app.wait(seconds=15)
    expired = app.get("/v1/me", token)
    assert (expired.status_code, expired.json()) == (
        401,
        {"error": {"status": 401, "message": "The access token expired"}},
    )


def test_consents_tokens_codes_and_rotations_outlive_a_restart(tmp_path):
    with calling(directory=tmp_path) as before:
        good, revoked = before.spotify.consent(ONE), before.spotify.consent(TWO)
        before.spotify.revoke(TWO)
        access_token, code = before.access_token(), new_code(before)
        before.spotify.rotate_next(ONE)
    with calling(directory=tmp_path) as after:
        assert after.get("/v1/me", access_token).json()["account_id"] == good["account_id"]
        assert "refresh_token" in after.refresh(good["refresh_token"]).json()
        assert after.refresh(revoked["refresh_token"]).json() == REVOKED
        assert redeem(after, code).status_code == 200
        assert redeem(after, code).status_code == 400

    assert (tmp_path / "spotify.json").stat().st_mode & 0o077 == 0


def test_a_consent_is_the_payload_of_the_listeners_secret(app):
    consent = app.spotify.consent(ONE)

    assert consent == {
        "refresh_token": consent["refresh_token"],
        "consented_at": consent["consented_at"],
        "account_id": app.spotify.listeners[ONE].account_id,
        "account_ids": f"{app.spotify.listeners[ONE].account_id} {app.spotify.listeners[ONE].user_id}",
        "scope": "user-read-recently-played",
    }
    assert abs(datetime.fromisoformat(consent["consented_at"]) - app.clock.now()) < timedelta(minutes=1)


def test_secrets_do_not_show_in_what_is_printed(app):
    assert app.spotify.app.client_secret not in repr(app.spotify.app)
