"""Orders of a fault: what no test of the product can see of them.

That each error of the table has its status, and its wording where anything depends on it, and comes to the listener and
the endpoint that it was ordered for and as often, is in tests/ingest/test_spotify_answers.py: what ingest makes of it
follows from them.
"""

from datetime import timedelta

import pytest
import requests

from tests.localcloud.spotify.caller import NOON, ONE, Caller, calling
from tests.localcloud.spotify.faulty_spotify import ERRORS, MISBEHAVIOURS


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


def plays(app: Caller, access_token: str) -> requests.Response:
    return app.get("/v1/me/player/recently-played", access_token)


def test_the_two_texts_without_json_are_as_long_as_they_were_measured():
    assert len(ERRORS["premium_lapsed"].body) == 159
    assert len(ERRORS["not_registered_old"].body) == 46


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


def test_a_token_answer_can_be_lost_after_the_token_was_rotated(app):
    old = app.spotify.consent(ONE)["refresh_token"]
    app.spotify.rotate_next(ONE, old_dies_at_once=True)
    app.spotify.order("body_cut_in_half", endpoint="token")

    assert app.refresh(old).status_code == 200
    assert app.refresh(old).json()["error_description"] == "Refresh token revoked"


def test_the_page_can_be_stale_by_hours(app, token):
    app.spotify.order("stale", seconds=86_400)
    stale, fresh = plays(app, token).json(), plays(app, token).json()

    seen = app.spotify.window(ONE, app.clock.now() - timedelta(days=1))
    assert [item["track"]["id"] for item in stale["items"]] == [play.track.id for play in seen[:20]]
    assert stale["items"] != fresh["items"]


@pytest.mark.parametrize("name", [name for name in MISBEHAVIOURS if name.startswith("item_")])
def test_the_newest_item_of_a_page_can_be_spoilt_and_only_that(app, token, name):
    right = plays(app, token).json()
    app.spotify.order(name)
    app.get("/v1/me", token)  # a spoilt item needs a page: other calls do not use the order up

    spoilt = plays(app, token).json()

    assert spoilt["items"].pop(0) != right["items"].pop(0)
    assert spoilt == right
