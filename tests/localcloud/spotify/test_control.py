import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from localcloud import processes
from localcloud.clock import Clock
from localcloud.listeners.listeners import invented_listeners
from localcloud.spotify.answers import facts
from localcloud.spotify.server import Spotify
from tests.localcloud.spotify.caller import NOON, ONE, TWO, calling, listener


@pytest.fixture
def app():
    with calling() as caller:
        yield caller


def test_the_app_is_described_for_whoever_sets_things_up(app):
    described = app.control("GET", "app").json()

    assert described == {
        "client_id": app.spotify.app.client_id,
        "client_secret": app.spotify.app.client_secret,
        "redirect_uris": ["http://127.0.0.1:8888/callback"],
        "listeners": described["listeners"],
    }
    assert described["listeners"][1] == {
        "slug": "listener-two",
        "display_name": "Invented Listener Two",
        "account_id": app.spotify.listeners[TWO].account_id,
        "time_zone": "America/New_York",
    }
    assert len(described["listeners"]) == 3


def test_consent_rotation_and_revocation_can_be_had_from_outside(app):
    consent = app.control("POST", "consent", listener=ONE).json()
    assert consent.keys() == {"refresh_token", "consented_at", "account_id", "scope"}

    assert app.control("POST", "rotate", listener=ONE).json() == {}
    rotated = app.refresh(consent["refresh_token"]).json()["refresh_token"]
    assert app.control("POST", "rotate", listener=ONE, every=1, old_dies_at_once=True).json() == {}
    last = app.refresh(rotated).json()["refresh_token"]
    assert app.refresh(rotated).status_code == 400

    assert app.control("POST", "revoke", listener=ONE).json() == {}
    assert app.refresh(last).json()["error_description"] == "Refresh token revoked"


def test_errors_can_be_ordered_listed_and_cleared_from_outside(app):
    order = {"name": "rate_limited", "listener": ONE, "endpoint": "me", "times": 2, "retry_after_seconds": 5}
    assert app.control("POST", "errors", **order).json() == {}
    listed = app.control("GET", "errors").json()

    assert listed["pending"] == [order | {"skip": 0, "seconds": 0.0}]
    assert {"premium_lapsed", "slow", "item_local_file"} <= set(listed["known"])
    token = app.access_token()
    assert app.get("/v1/me", token).status_code == 429
    app.control("DELETE", "errors")
    assert app.get("/v1/me", token).status_code == 200


def test_truth_is_told_from_outside_as_from_inside(app):
    since, until = NOON - timedelta(days=3), NOON
    period = {"since": since.isoformat(), "until": until.isoformat()}
    truth = app.control("GET", "truth", listener=ONE, **period).json()
    window = app.control("GET", "window", listener=ONE, at=NOON.isoformat()).json()
    visible = app.control("GET", "visible", listener=ONE, at=NOON.isoformat(), since=period["since"]).json()

    assert truth == facts(app.spotify.truth(ONE, since, until))
    assert window == facts(app.spotify.window(ONE, NOON))
    assert visible == [play for play in truth if play["visible_at"] <= "2026-11-22T12"]
    assert {"listener", "played_at", "ms_played", "track", "context", "visible_at"} == truth[0].keys()
    assert truth[0]["track"]["album"]["artists"][0].keys() == {"id", "name", "genre"}


def test_everything_visible_is_what_was_played_and_shown_by_then():
    with calling([listener(late_share=0.3, never_share=0.1)]) as app:
        for hours in range(0, 100, 7):
            at = NOON - timedelta(hours=hours)
            played = app.spotify.truth(ONE, datetime(2026, 9, 1, tzinfo=UTC), at)
            shown = [play for play in played if play.visible_at and play.visible_at <= at]

            assert app.spotify.visible(ONE, at) == shown
            assert app.spotify.window(ONE, at) == shown[:-51:-1]
            assert 1000 < len(shown) < 0.92 * len(played)


@pytest.mark.parametrize(
    ("method", "lever", "asked", "message"),
    [
        ("POST", "consent", {"listener": "nobody"}, "Unknown listener 'nobody'; known: listener-one"),
        ("POST", "revoke", {}, "missing 1 required positional argument: 'listener'"),
        ("POST", "errors", {"name": "nothing"}, "Unknown error 'nothing'"),
        ("POST", "errors", {"name": "slow", "colour": "red"}, "unexpected keyword argument 'colour'"),
        ("GET", "window", {"listener": ONE, "at": "2026-11-22T12:00:00"}, "lacks a time zone"),
    ],
)
def test_a_lever_that_cannot_be_pulled_says_why(app, method, lever, asked, message):
    answer = app.control(method, lever, **asked)
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


@pytest.fixture
def start(tmp_path: Path):
    running: list[processes.Process] = []

    def start_spotify() -> processes.Process:
        port = processes.free_port()
        where = ["--port", str(port), "--clock", str(tmp_path / "clock"), "--data", str(tmp_path)]
        command = [sys.executable, "-m", "localcloud.spotify.server", *where, "--seed", "5", "--listeners", "2"]
        process = processes.start("spotify", command, port, {}, tmp_path / "spotify.log")
        running.append(process)
        processes.wait_until_listening([process])
        return process

    yield start_spotify
    processes.stop(running)


def test_as_a_process_it_ends_politely_and_keeps_tokens_and_time_over_a_restart(start, tmp_path):
    Clock(tmp_path / "clock").set(NOON)
    first = start()
    app = requests.get(f"{first.url}/_localcloud/app", timeout=10).json()
    consent = requests.post(f"{first.url}/_localcloud/consent", json={"listener": ONE}, timeout=10).json()
    first.popen.send_signal(signal.SIGTERM)
    assert first.popen.wait(10) == 0
    second = start()

    form = {"grant_type": "refresh_token", "refresh_token": consent["refresh_token"]}
    credentials = (app["client_id"], app["client_secret"])
    tokens = requests.post(f"{second.url}/api/token", data=form, auth=credentials, timeout=10).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    page = requests.get(f"{second.url}/v1/me/player/recently-played?limit=50", headers=headers, timeout=10).json()

    assert datetime.fromisoformat(consent["consented_at"]) - NOON < timedelta(minutes=1)
    assert len(app["listeners"]) == 2
    here = Spotify(Clock(), 5, invented_listeners(2)).window(ONE, NOON)
    assert {play.track.name for play in here} & {item["track"]["name"] for item in page["items"]}
    assert page["items"][-1]["track"]["id"] in {play.track.id for play in here}
    assert consent["refresh_token"] not in (tmp_path / "spotify.log").read_text()
