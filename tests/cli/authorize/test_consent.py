from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from cli import consent
from cli.commands import run_now
from cli.console import CliError
from localcloud.gcp import scheduler

NAMES = ["anna", "a", "listener-one", "x_1", "9lives", "a" * 63]


def asked(**changes):
    request = consent.new_request("https://accounts.example", "client", 8888)
    return request, {"state": request.state, "code": "c0de"} | changes


def test_the_page_is_asked_for_with_everything_spotify_wants():
    request = consent.new_request("https://accounts.example", "the client", 8888)
    url = urlsplit(request.url)

    assert (url.scheme, url.netloc, url.path) == ("https", "accounts.example", "/authorize")
    assert parse_qs(url.query) == {
        "client_id": ["the client"],
        "response_type": ["code"],
        "redirect_uri": ["http://127.0.0.1:8888/callback"],
        "scope": ["user-read-recently-played"],
        "state": [request.state],
        "show_dialog": ["true"],
    }


def test_no_two_requests_have_the_same_state_and_none_shows_in_a_repr():
    requests = [consent.new_request("https://accounts.example", "client", 8888) for _ in range(20)]
    assert len({request.state for request in requests}) == 20
    assert all(len(request.state) >= 43 for request in requests)  # 256 bits
    assert f"state='{requests[0].state}'" not in repr(requests[0])


@pytest.mark.parametrize("state", [None, "", "another", "ünlike"])
def test_a_missing_or_wrong_state_is_refused_before_anything_else_is_read(state):
    request, query = asked(error="access_denied")
    query = {"code": "c0de", "error": "access_denied"} | ({} if state is None else {"state": state})
    with pytest.raises(CliError, match="does not belong to this request"):
        consent.code_in(query, request)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"error": "access_denied", "code": ""}, "the listener cancelled"),
        ({"error": "server_error"}, "Spotify says 'server_error'"),
        ({"code": ""}, "no code"),
    ],
)
def test_what_is_not_a_consent_is_refused_with_the_reason(changes, message):
    request, query = asked(**changes)
    with pytest.raises(CliError, match=message):
        consent.code_in(query, request)


def test_a_pasted_address_is_read_whatever_stands_around_it():
    assert consent.query_of(" http://127.0.0.1:8888/callback?code=a%2Bb&state=s&x=\n") == {
        "code": "a+b",
        "state": "s",
        "x": "",
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_listeners_name_is_taken(name):
    consent.check_listener(name)


def test_terraform_fires_the_job_that_the_commands_use():
    assert f'"{run_now.JOB}"' in (Path(__file__).parents[3] / "terraform/schedule.tf").read_text()
    assert run_now.JOB == scheduler.JOB_NAME
