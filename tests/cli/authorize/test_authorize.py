import io
import os
import pty
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from localcloud import processes
from localcloud.faults import Fault
from tests.cli.harness import ONE, THREE, TWO, Person

LABELS = {"app": "heavy-rotation", "kind": "refresh-token", "listener": ONE}
NO_CHANGE = {1: "ENABLED"}
NOT_A_USER = "not a user of the app. Add it on https://developer.spotify.com/dashboard under User Management."


def secrets_in(output):
    """Everything that no output may hold: tokens and codes of the invented Spotify say what they are."""
    return [
        word for word in ("invented-refresh", "invented-access", "invented-code") if word in output.out + output.err
    ]


def types_in(monkeypatch, text):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_agreeing_stores_a_consent_that_spotify_honours_and_ingest_can_read(owner, capsys):
    owner.knows_app()
    person = Person(ONE)
    before = owner.cloud.clock.now()

    output = owner.authorizes(capsys, ONE, person)
    payload = owner.secret(f"refresh-token-{ONE}")
    ((status, page),) = person.done()

    assert output.code == 0
    assert output.out.startswith(f"{ONE}: the consent of Invented Listener One is stored.\nIt ends on ")
    assert (status, "The consent is stored" in page) == (200, True)
    assert payload == {
        "refresh_token": payload["refresh_token"],
        "consented_at": payload["consented_at"],
        "account_id": owner.spotify.listeners[ONE].account_id,
        "account_ids": " ".join(sorted([owner.spotify.listeners[ONE].account_id, "invented-listener-one"])),
        "scope": "user-read-recently-played",
    }
    assert owner.spotify.consents.refresh(payload["refresh_token"]).access_token
    assert timedelta(0) <= datetime.fromisoformat(payload["consented_at"]) - before.replace(microsecond=0)
    assert owner.versions(f"refresh-token-{ONE}") == {1: "ENABLED"}
    assert secrets_in(output) == []


def test_the_result_as_json_has_all_but_the_tokens(ready, capsys):
    output = ready.authorizes(capsys, ONE, Person(ONE), "--json")

    assert output.code == 0
    consented_at = datetime.fromisoformat(output.json["consented_at"])
    assert output.json == {
        "listener": ONE,
        "account_id": ready.spotify.listeners[ONE].account_id,
        "display_name": "Invented Listener One",
        "consented_at": output.json["consented_at"],
        "consent_ends_at": output.json["consent_ends_at"],
        "destroyed_versions": 1,
    }
    assert 180 <= (datetime.fromisoformat(output.json["consent_ends_at"]) - consented_at).days <= 184
    assert secrets_in(output) == []


def test_the_app_is_known_before_latest_and_the_list_know_its_secret(ready, capsys):
    ready.cloud.secrets.lag = timedelta(hours=2)
    assert ready.authorizes(capsys, ONE, Person(ONE)).code == 0
    assert ready.versions("spotify-client") == {1: "ENABLED"}


@pytest.mark.parametrize("lag", [timedelta(), timedelta(hours=2)], ids=["listed at once", "listed later"])
def test_a_renewed_consent_destroys_every_version_before_it(ready, capsys, lag):
    ready.has_listener(ONE)
    ready.cloud.secrets.lag = lag
    first = ready.secret(f"refresh-token-{ONE}")["refresh_token"]

    output = ready.authorizes(capsys, ONE, Person(ONE))

    assert output.code == 0
    assert ready.versions(f"refresh-token-{ONE}") == {1: "DESTROYED", 2: "DESTROYED", 3: "ENABLED"}
    assert ready.secret(f"refresh-token-{ONE}")["refresh_token"] != first
    assert ready.versions("spotify-client") == {1: "ENABLED"}


def test_what_is_stored_carries_its_checksum(owner, capsys):
    owner.knows_app()
    owner.authorizes(capsys, ONE, Person(ONE))
    with owner.cloud.secrets._state.transaction() as db:
        db.row_factory = sqlite3.Row
        rows = db.execute("SELECT resource FROM secret_versions WHERE secret LIKE '%refresh-token%'").fetchall()
    assert ['"clientSpecifiedPayloadChecksum": true' in row["resource"] for row in rows] == [True]


def test_a_new_version_that_cannot_be_read_back_costs_nothing_that_was_there(ready, capsys):
    path = f"gcp GET /v1/projects/{ready.project}/secrets/refresh-token-{ONE}/versions/2:access"
    ready.cloud.faults.order(Fault(path, status=404, skip=2))  # two looks for a newer version come before it

    output = ready.authorizes(capsys, ONE, Person(ONE))

    assert output.code == 1
    assert "cannot be read back, so the one before it was kept" in output.err
    assert ready.versions(f"refresh-token-{ONE}") == {1: "ENABLED", 2: "ENABLED"}


def test_an_old_version_that_cannot_be_destroyed_is_a_warning_because_the_consent_is_stored(ready, capsys):
    ready.cloud.faults.order(Fault("gcp POST .*:destroy", status=403))

    output = ready.authorizes(capsys, ONE, Person(ONE), "--json")

    assert (output.code, output.json["destroyed_versions"]) == (0, 0)
    assert f"refresh-token-{ONE}/versions/1 could not be destroyed (Forbidden)" in output.err
    assert ready.versions(f"refresh-token-{ONE}") == {1: "ENABLED", 2: "ENABLED"}


def test_a_return_without_the_right_state_stores_nothing_and_the_listener_is_still_waited_for(ready, capsys):
    """Another program asks for the callback, or a page of yesterday that is still open; then the listener agrees."""

    def after_a_stranger(url):
        one_letter_off = url[:-1] + ("A" if url[-1] != "A" else "B")
        strangers.append(requests.get(one_letter_off, timeout=10).status_code)
        versions.append(ready.versions(f"refresh-token-{ONE}"))
        return url

    strangers, versions = [], []
    person = Person(ONE, detour=after_a_stranger)

    output = ready.authorizes(capsys, ONE, person)

    assert (strangers, versions) == ([403], [NO_CHANGE])
    assert "A request that does not belong to this consent was refused." in output.err
    assert output.code == 0
    assert [status for status, _ in person.done()] == [200]
    assert ready.versions(f"refresh-token-{ONE}") == {1: "DESTROYED", 2: "ENABLED"}


def test_a_listener_who_cancels_keeps_what_was_stored(ready, capsys):
    output = ready.authorizes(capsys, ONE, Person(ONE, decision="cancel"))

    assert (output.code, output.out) == (1, "")
    assert "Consent was not given: the listener cancelled. Nothing was stored." in output.err
    assert ready.versions(f"refresh-token-{ONE}") == NO_CHANGE


def test_another_account_than_before_is_refused_unless_it_is_meant(ready, capsys):
    refused = ready.authorizes(capsys, ONE, Person(TWO))
    assert refused.code == 1
    assert f"This is the account of Invented Listener Two, not the one that {ONE} had before" in refused.err
    assert ready.versions(f"refresh-token-{ONE}") == NO_CHANGE

    meant = ready.authorizes(capsys, ONE, Person(TWO), "--replace-account")
    assert meant.code == 0
    assert ready.secret(f"refresh-token-{ONE}")["account_id"] == ready.spotify.listeners[TWO].account_id


@pytest.mark.parametrize("option", [[], ["--replace-account"]])
def test_one_account_is_never_two_listeners(ready, capsys, option):
    output = ready.authorizes(capsys, TWO, Person(ONE), *option)

    assert output.code == 1
    assert f"This is the account of the listener {ONE}." in output.err
    assert ready.versions(f"refresh-token-{TWO}") == {}


def test_first_use_asks_for_the_app_and_stores_it_once_spotify_took_it(owner, capsys, monkeypatch):
    app = owner.spotify.app
    types_in(monkeypatch, f"{app.client_id}\n{app.client_secret}\n")

    output = owner.authorizes(capsys, ONE, Person(ONE))

    assert output.code == 0
    assert owner.secret("spotify-client") == {"client_id": app.client_id, "client_secret": app.client_secret}
    assert app.client_secret not in output.out + output.err
    new_listener, app_settings = output.err.splitlines()[:2]
    assert new_listener.startswith(f"{ONE} is new here")
    assert "http://127.0.0.1:" in app_settings


def test_the_app_may_come_from_the_environment_as_a_file_of_settings_leaves_it(owner, capsys, monkeypatch):
    app = owner.spotify.app
    monkeypatch.setenv("SPOTIFY_CLIENT_ID", f" {app.client_id}\r")
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET", f'"{app.client_secret}"')
    types_in(monkeypatch, "")

    assert owner.authorizes(capsys, ONE, Person(ONE)).code == 0
    assert owner.secret("spotify-client")["client_secret"] == app.client_secret


def test_a_wrong_client_secret_is_not_stored_and_can_be_typed_anew(owner, capsys, monkeypatch):
    app = owner.spotify.app
    types_in(monkeypatch, f"{app.client_id}\nwrong\n")
    wrong = owner.authorizes(capsys, ONE, Person(ONE))
    assert wrong.code == 1
    assert "refused the app's client id or secret" in wrong.err
    assert "Copy both from https://developer.spotify.com/dashboard and give them with --new-client." in wrong.err
    assert owner.versions("spotify-client") == {}

    owner.knows_app(client_secret="outdated")  # pragma: allowlist secret -- invented
    assert owner.authorizes(capsys, ONE, Person(ONE)).code == 1
    types_in(monkeypatch, f"{app.client_id}\n{app.client_secret}\n")
    same_app = owner.authorizes(capsys, ONE, Person(ONE), "--new-client")
    assert (same_app.code, "another app" in same_app.err) == (0, False)
    assert owner.versions("spotify-client") == {1: "DESTROYED", 2: "ENABLED"}


def test_with_another_app_those_whose_consents_end_are_named(owner, capsys, monkeypatch):
    owner.knows_app(client_id="another")
    for listener in (ONE, TWO, THREE):
        owner.has_listener(listener)
    url = f"{owner.environ['SECRETMANAGER_EMULATOR_HOST']}/v1/projects/{owner.project}/secrets/refresh-token-{THREE}"
    assert requests.post(f"{url}/versions/1:destroy", json={}, timeout=10).ok
    types_in(monkeypatch, f"{owner.spotify.app.client_id}\n{owner.spotify.app.client_secret}\n")
    output = owner.authorizes(capsys, ONE, Person(ONE), "--new-client")
    assert (output.code, owner.versions("spotify-client")) == (0, {1: "DESTROYED", 2: "ENABLED"})
    assert f"This is another app: once this consent is stored, {TWO} must consent again as well" in output.err


@pytest.mark.parametrize("typed", ["\n", "id\n\n", "id\nsecret…\n", "i d\nsecret\n"])
def test_without_an_app_spotify_is_not_opened(owner, capsys, monkeypatch, typed):
    types_in(monkeypatch, typed)
    person = Person(ONE)
    output = owner.authorizes(capsys, ONE, person)
    assert (output.code, person.asked_at) == (1, None)
    assert "Both the client id and the client secret are needed" in output.err


def test_ctrl_d_at_the_client_secret_is_an_empty_answer(owner):
    terminal, keyboard = pty.openpty()
    command = [sys.executable, "-m", "cli", "authorize", ONE, "--laptop", str(owner.directory)]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "SPOTIFY_CLIENT_ID": "id"},
        stdin=keyboard,
        stderr=subprocess.PIPE,
        start_new_session=True,  # no other terminal to ask at
    ) as process:
        said = b""
        while not said.endswith(b"Client secret (is not shown): "):
            said += process.stderr.read(1)
        os.write(terminal, b"\x04")
        rest = process.stderr.read().decode()
    os.close(terminal)
    os.close(keyboard)
    assert process.returncode == 1
    assert rest.strip().startswith("Both the client id and the client secret are needed")


def test_a_scope_that_the_answer_leaves_out_is_the_one_that_was_requested(owner, capsys):
    owner.knows_app()
    owner.spotify.order("token_without_scope")
    assert owner.authorizes(capsys, ONE, Person(ONE)).code == 0
    assert owner.secret(f"refresh-token-{ONE}")["scope"] == "user-read-recently-played"


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (("not_registered_old",), NOT_A_USER),
        (("not_registered_2025",), NOT_A_USER),
        (("not_registered_2025_text", "token"), NOT_A_USER),
        (("premium_lapsed", "token"), "no active Spotify Premium"),
        (("no_content", "me"), "cannot be read (it has no body, status 204)"),
        (("not_registered_2026",), NOT_A_USER),
        (("premium_lapsed",), "no active Spotify Premium"),
        (("token_503_html",), "not available at the moment (status 503)"),
        (("gateway_timeout_html",), "not available at the moment (status 504)"),
        (("not_json", "token"), "not available at the moment (status 200)"),
        (("dropped", "token"), "not available at the moment (no answer, ConnectionError)"),
        (("json_of_another_shape", "me"), "cannot be read (it does not say whose account it is)"),
        (("access_token_invalid",), "refused the request (AccessTokenRefused)"),
        (("code_expired",), "older than ten minutes"),
    ],
)
def test_what_goes_wrong_at_spotify_is_said_in_words_and_changes_nothing(ready, capsys, order, sentence):
    name, endpoint = (*order, None)[:2]
    ready.spotify.order(name, endpoint=endpoint, times=3)

    output = ready.authorizes(capsys, ONE, Person(ONE))

    assert (output.code, output.out) == (1, "")
    assert sentence in output.err
    assert "Nothing was stored. Run the command again" in output.err
    assert "Traceback" not in output.err
    assert secrets_in(output) == []
    assert ready.versions(f"refresh-token-{ONE}") == NO_CHANGE


def test_a_long_pause_is_said_and_not_slept(owner, capsys):
    owner.knows_app()
    owner.spotify.order("quota_exceeded", endpoint="me", retry_after_seconds=82661)
    printed = owner.authorizes(capsys, ONE, Person(ONE))
    assert printed.code == 1
    assert "Spotify asks for a pause of 22 h 57 min. Wait until it is over. Nothing was stored." in printed.err


@pytest.mark.parametrize(
    "order", [("bad_gateway", "token", {}), ("rate_limited", "me", {"retry_after_seconds": "0.1"})]
)
def test_a_short_outage_or_pause_is_waited_for(owner, capsys, order):
    name, endpoint, details = order
    owner.knows_app()
    owner.spotify.order(name, endpoint=endpoint, **details)
    assert owner.authorizes(capsys, ONE, Person(ONE)).code == 0


def test_a_browser_that_python_cannot_start_is_said_and_the_page_is_waited_for_all_the_same(owner, capsys):
    class Broken(Person):
        def open(self, url):
            super().open(url)
            raise ValueError("No closing quotation")  # what BROWSER="chromium '%s" brings

    owner.knows_app()
    output = owner.authorizes(capsys, ONE, Broken(ONE))
    assert (output.code, "No browser could be opened." in output.err + capsys.readouterr().err) == (0, True)


def test_a_new_listener_is_announced_before_the_page_and_a_known_one_is_not(owner, capsys):
    owner.knows_app()
    brief = ("--no-browser", "--port", str(processes.free_port()), "--timeout", "0.05")

    none_known = owner.types(capsys, "authorize", ONE, *brief)
    owner.has_listener(ONE)
    misspelt = owner.types(capsys, "authorize", "listner-one", *brief)
    known = owner.types(capsys, "authorize", ONE, *brief)

    assert none_known.err.startswith(f"{ONE} is new here (no listener is known so far). Consent makes a new")
    assert misspelt.err.startswith(f"listner-one is new here (known so far: {ONE}). Consent makes a new listener;")
    assert "is new here" not in known.err
    assert (known.code, "No browser came back" in known.err) == (1, True)


def test_plays_that_another_person_may_have_left_under_the_name_are_announced_where_no_account_is_stored(importing):
    importing.owner.knows_app()
    importing.rows(
        "INSERT INTO listening.plays (listener_id, played_at, track_id, source, run_id, ingested_at) VALUES "
        f"('{ONE}', TIMESTAMP '2024-02-29', 't', 'api', 'r', TIMESTAMP '2024-02-29')"
    )
    command = ("authorize", ONE, "--no-browser", "--port", str(processes.free_port()), "--timeout", "0.05")

    announced = importing.types(*command)
    importing.owner.has_listener(ONE)
    compared = importing.types(*command)

    words = f"Stored of {ONE}: 1 play, the oldest of 2024-02-29, and no account to compare with. Another person needs"
    assert words in announced.err
    assert "Stored of" not in compared.err


def test_a_machine_without_a_browser_takes_the_pasted_address(owner, capsys, monkeypatch):
    class Terminal(io.StringIO):
        """Reads what the person pastes, who reads what the terminal says."""

        def readline(self):
            url = next(line.strip() for line in capsys.readouterr().err.splitlines() if "/authorize?" in line)
            return Person(ONE).address_after(url) + "\n"

    owner.knows_app()
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert owner.types(capsys, "authorize", ONE, "--paste").code == 0
    assert owner.secret(f"refresh-token-{ONE}")["account_id"] == owner.spotify.listeners[ONE].account_id


@pytest.mark.parametrize(
    ("pasted", "sentence"),
    [
        ("", "No address was pasted"),
        ("http://127.0.0.1:8888/callback?code=stolen\n", "does not belong to this request"),
        ("127.0.0.1:8888/callback?code=stolen&state=\n", "does not belong to this request"),
        (
            "just-a-code\n",
            "not the address that the browser ends at after agreeing: http://127.0.0.1:8888/callback?code=",
        ),
        ("https://accounts.spotify.com/authorize?state=s\n", "not the address that the browser ends at"),
        ("http://[/callback?code=c\n", "not the address that the browser ends at"),
    ],
)
def test_a_paste_that_is_not_the_answer_is_refused(owner, capsys, monkeypatch, pasted, sentence):
    owner.knows_app()
    types_in(monkeypatch, pasted)
    output = owner.types(capsys, "authorize", ONE, "--paste")
    assert output.code == 1
    assert sentence in output.err


def test_in_the_cloud_only_terraform_makes_listeners(owner, capsys):
    owner.knows_app()
    person = Person(ONE)
    unknown = owner.authorizes(capsys, ONE, person, laptop=False)
    assert (unknown.code, person.asked_at) == (1, None)
    assert "Add it to `listeners` in terraform.tfvars" in unknown.err

    owner.cloud.secrets._insert(owner.project, "any-name", {"labels": LABELS, "replication": {"automatic": {}}})
    assert owner.authorizes(capsys, ONE, Person(ONE), laptop=False).code == 0
    assert owner.secret("any-name")["account_id"] == owner.spotify.listeners[ONE].account_id


def test_two_secrets_of_one_listener_are_named(ready, capsys):
    ready.store("second", {}, LABELS)
    output = ready.authorizes(capsys, ONE, Person(ONE))
    assert output.code == 1
    assert f"label listener={ONE}: refresh-token-{ONE} and second." in output.err


@pytest.mark.parametrize("content", [b"not json", b"[]", b'{"refresh_token": 7}'])
def test_a_spoilt_secret_is_replaced_by_a_new_consent(owner, capsys, content):
    owner.knows_app()
    owner.cloud.secrets.store(owner.project, f"refresh-token-{ONE}", content, LABELS)
    assert owner.authorizes(capsys, ONE, Person(ONE)).code == 0
    assert owner.versions(f"refresh-token-{ONE}") == {1: "DESTROYED", 2: "ENABLED"}
