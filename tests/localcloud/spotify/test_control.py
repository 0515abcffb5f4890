import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from localcloud import processes
from localcloud.clock import Clock
from localcloud.listeners.listeners import invented_listeners
from tests.localcloud.spotify.caller import NOON, ONE, THREE, TWO, calling
from tests.localcloud.spotify.faulty_spotify import FaultySpotify


@pytest.fixture
def app():
    with calling() as caller:
        yield caller


def test_the_app_and_the_pages_that_it_was_shown_are_described(app):
    assert app.control("GET", "app").json() == {
        "client_id": app.spotify.app.client_id,
        "client_secret": app.spotify.app.client_secret,
        "listeners": [{"slug": slug} for slug in (ONE, TWO, THREE)],
    }
    items = app.page(app.access_token(), limit="3")["items"]
    (page,) = app.control("GET", "pages", listener=ONE).json()
    assert page["played_at"] == [item["played_at"] for item in items]
    assert page["at"].startswith("2026-11-22T12:00:")


def test_consent_rotation_and_revocation_can_be_had_from_outside(app):
    consent = app.control("POST", "consent", listener=ONE).json()
    assert consent.keys() == {"refresh_token", "consented_at", "account_id", "account_ids", "scope"}

    assert app.control("POST", "rotate", listener=ONE).json() == {}
    rotated = app.refresh(consent["refresh_token"]).json()["refresh_token"]

    assert app.control("POST", "revoke", listener=ONE).json() == {}
    assert app.refresh(rotated).json()["error_description"] == "Refresh token revoked"


@pytest.mark.parametrize(
    ("method", "lever", "requested", "message"),
    [
        ("POST", "consent", {"listener": "unknown"}, "Unknown listener 'unknown'; known: listener-one"),
        ("POST", "revoke", {}, "missing 1 required positional argument: 'listener'"),
        ("GET", "pages", {"listener": ONE, "colour": "red"}, "unexpected keyword argument 'colour'"),
    ],
)
def test_a_lever_that_cannot_be_pulled_says_why(app, method, lever, requested, message):
    answer = app.control(method, lever, **requested)
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
    here = FaultySpotify(Clock(), 5, invented_listeners(2)).window(ONE, NOON)
    assert {play.track.name for play in here} & {item["track"]["name"] for item in page["items"]}
    assert page["items"][-1]["track"]["id"] in {play.track.id for play in here}
    assert consent["refresh_token"] not in (tmp_path / "spotify.log").read_text()
