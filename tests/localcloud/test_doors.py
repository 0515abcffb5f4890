"""The laptop cloud answers its owner only: not another user of the computer, not a page of another site."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from google.api_core.exceptions import Unauthorized
from google.auth.exceptions import RefreshError
from google.cloud import bigquery, secretmanager, storage
from playwright.sync_api import sync_playwright

from localcloud import chromium, supervisor
from localcloud.gcp.credentials import _private_key, bearer, identity_token, of_laptop, write_service_account
from localcloud.supervisor import RunningCloud

NOBODY = 65534
ONE_OF_TWO_LENGTHS = "Content-Length: 0\r\nTransfer-Encoding: chunked"
CUT_SHORT = '{"settings": {"GOOGLE_CL'
_ANOTHER_USER = """
import sys, urllib.error, urllib.request
for url in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(url, timeout=30).read().decode())
    except urllib.error.HTTPError as error:
        print(error.code)
"""


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    directory = tmp_path_factory.mktemp("laptop")
    (directory / "environment.json").write_text(CUT_SHORT)
    (directory / "environment.json").chmod(0o600)
    os.link(directory / "environment.json", directory / "as_it_was")
    with supervisor.running(supervisor.Plan(directory)) as (laptop, _):
        yield laptop


def urls_of_secrets(laptop: RunningCloud) -> list[str]:
    project = f"v1/projects/{laptop.settings['GOOGLE_CLOUD_PROJECT']}"
    names = ("refresh-token-listener-two", "spotify-client")
    google = [f"{laptop.addresses['google']}/{project}/secrets/{name}/versions/latest:access" for name in names]
    dataset = f"bigquery/v2/projects/{laptop.settings['GOOGLE_CLOUD_PROJECT']}/datasets/listening/tables"
    others = [f"{laptop.addresses['google']}/{dataset}/plays/data", f"{laptop.addresses['spotify']}/_localcloud/app"]
    return [*google, *others, f"{laptop.addresses['google']}/_localcloud/pending"]


def urls_of_functions(laptop: RunningCloud) -> list[str]:
    return [laptop.addresses[name] for name in supervisor.FUNCTIONS]


@contextmanager
def nothing_runs(laptop: RunningCloud) -> Iterator[None]:
    """No function has come as far as a row of the ledger, nor taken an event for its own."""
    before = marks(laptop)
    yield
    assert marks(laptop) == before


def marks(laptop: RunningCloud) -> tuple[str, list[str]]:
    project = laptop.settings["GOOGLE_CLOUD_PROJECT"]
    url = f"{laptop.addresses['google']}/bigquery/v2/projects/{project}/datasets/listening/tables/runs/data"
    rows = requests.get(url, headers=bearer(laptop.settings), timeout=30).json()["totalRows"]
    logs = [(laptop.directory / "logs" / f"{name}.log").read_text() for name in supervisor.FUNCTIONS]
    return rows, [text for text in logs if "dropped" in text]


def test_the_owner_reads_with_the_bearer_of_the_key_file_and_no_one_without_it(laptop: RunningCloud) -> None:
    for url in urls_of_secrets(laptop):
        assert requests.get(url, headers=bearer(laptop.settings), timeout=30).status_code == 200
        for wrong in ({}, {"Authorization": "Bearer laptop"}, {"Authorization": "Bearer a.b.c"}):
            assert requests.get(url, headers=wrong, timeout=30).status_code == 401
    consent = f"{laptop.addresses['spotify']}/_localcloud/consent"
    assert requests.post(consent, json={"listener": "listener-one"}, timeout=30).status_code == 401
    assert requests.post(f"{laptop.addresses['google']}/token", timeout=30).status_code == 401


def test_what_a_function_receives_opens_no_other_door(laptop: RunningCloud) -> None:
    for function in urls_of_functions(laptop):
        token = identity_token(laptop.directory / "service-account.json", function)
        for url in urls_of_secrets(laptop):
            assert requests.get(url, headers=token, timeout=30).status_code == 401
        assertion = {"assertion": token["Authorization"].removeprefix("Bearer ")}
        assert requests.post(f"{laptop.addresses['google']}/token", data=assertion, timeout=30).status_code == 401


@pytest.mark.parametrize(
    "body", ["Content-Length: 8000000000", "Content-Length: -1", "Transfer-Encoding: chunked", ONE_OF_TWO_LENGTHS]
)
@pytest.mark.parametrize("service", ["google", "spotify", *supervisor.FUNCTIONS])
def test_a_stranger_is_refused_before_a_body_is_read(laptop: RunningCloud, service: str, body: str) -> None:
    paths = {"google": ("/upload/storage/v1/b/b/o", "/token"), "spotify": ("/_localcloud/app",)}
    own_host = laptop.addresses[service].removeprefix("http://")
    for path in paths.get(service, ("/",)):
        for host, statuses in ((own_host, (401,)), ("evil.example", (403,))):
            head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer a.b.c\r\n{body}\r\n\r\n"
            # gunicorn, which serves the functions, refuses some heads by itself
            allowed = (*statuses, 400) if service in supervisor.FUNCTIONS else statuses
            with socket.create_connection(tuple(own_host.split(":")), timeout=30) as connection:
                connection.sendall(head.encode())
                assert connection.recv(100).split()[1] in [b"%d" % status for status in allowed], (path, host)


@pytest.mark.parametrize("body", ["Content-Length: 1048577", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("name", supervisor.FUNCTIONS)
def test_a_function_reads_no_body_that_is_longer_than_any_event(laptop: RunningCloud, name: str, body: str) -> None:
    url = laptop.addresses[name]
    own_host, bearer_of_key = (
        url.removeprefix("http://"),
        identity_token(laptop.directory / "service-account.json", url),
    )
    head = f"POST / HTTP/1.1\r\nHost: {own_host}\r\nAuthorization: {bearer_of_key['Authorization']}\r\n{body}\r\n\r\n"
    with socket.create_connection(tuple(own_host.split(":")), timeout=30) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).split()[1] == b"413"


def test_the_functions_answer_the_laptop_clouds_own_services_only(laptop: RunningCloud, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.json"
    _private_key.cache_clear()
    write_service_account(foreign, "http://127.0.0.1:9/token")
    key, urls = laptop.directory / "service-account.json", urls_of_functions(laptop)
    for url in urls:
        own = identity_token(key, url)
        host = url.removeprefix("http://").replace("127.0.0.1", "evil.example")
        with nothing_runs(laptop):
            for method in ("GET", "POST"):
                for wrong in ({}, {"Authorization": "Bearer a.b.c"}, identity_token(foreign, url)):
                    assert requests.request(method, url, headers=wrong, timeout=30).status_code == 401
                for site in ({"Origin": "http://evil.example"}, {"Host": host}, {"Sec-Fetch-Site": "cross-site"}):
                    assert requests.request(method, url, headers=own | site, timeout=30).status_code == 403
                # what the stand-ins send to another function, and what the owner sends to Google's services
                for wrong in (*(identity_token(key, other) for other in urls if other != url), bearer(laptop.settings)):
                    assert requests.request(method, url, headers=wrong, timeout=30).status_code == 401
        unreadable = own | {"X-CloudScheduler-ScheduleTime": "once"}
        assert requests.post(url, json={}, headers=unreadable, timeout=30).status_code in (200, 400)  # its own words


def test_every_file_of_a_running_laptop_cloud_is_the_owners_alone(laptop: RunningCloud) -> None:
    paths = [laptop.directory, *laptop.directory.rglob("*")]

    assert laptop.directory / "environment.json" in paths
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


def test_the_settings_of_a_running_laptop_cloud_take_the_name_when_they_are_whole(laptop: RunningCloud) -> None:
    assert supervisor.attach(laptop.directory).settings == laptop.settings
    assert (laptop.directory / "as_it_was").read_text() == CUT_SHORT


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_of_the_computer_gets_no_answer(laptop: RunningCloud) -> None:
    urls = [*urls_of_secrets(laptop), *urls_of_functions(laptop)]
    command = ["/usr/bin/env", "python3", "-c", _ANOTHER_USER, *urls]
    with nothing_runs(laptop):
        ended = subprocess.run(
            command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, cwd="/"
        )

    assert (ended.returncode, ended.stdout) == (0, "401\n" * 8), ended.stderr


def test_a_page_whose_name_leads_to_this_computer_gets_no_secret(laptop: RunningCloud) -> None:
    path = chromium.find()
    assert path, chromium.MISSING
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--host-resolver-rules=MAP evil.example 127.0.0.1"]
        )
        page = browser.new_page()
        with nothing_runs(laptop):
            for url in [*urls_of_secrets(laptop), *urls_of_functions(laptop)]:
                assert page.goto(url.replace("127.0.0.1", "evil.example")).status == 403
                assert page.evaluate("fetch(location.href).then(answer => answer.status)") == 403
            for url in urls_of_functions(laptop):  # from another origin: the answer is hidden from the page
                blind = "url => fetch(url, {method: 'POST', mode: 'no-cors'}).then(answer => answer.type)"
                assert page.evaluate(blind, url) == "opaque"
        browser.close()


def test_googles_clients_come_in_with_the_key_file_and_not_with_anothers(
    laptop: RunningCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in laptop.settings.items():
        monkeypatch.setenv(name, value)
    options = {"api_endpoint": laptop.settings["SECRETMANAGER_EMULATOR_HOST"]}
    parent = f"projects/{laptop.settings['GOOGLE_CLOUD_PROJECT']}"

    def answers() -> list[int]:
        secrets = secretmanager.SecretManagerServiceClient(transport="rest", client_options=options)
        rows = bigquery.Client().query_and_wait("SELECT 1 AS one")
        return [len(list(secrets.list_secrets(parent=parent))), *(row.one for row in rows)]

    assert answers() == [4, 1]
    list(storage.Client(credentials=of_laptop(laptop.settings)).list_blobs(laptop.settings["LANDING_BUCKET"]))
    foreign = tmp_path / "foreign.json"
    _private_key.cache_clear()
    write_service_account(foreign, f"{laptop.addresses['google']}/token")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(foreign))
    with pytest.raises((Unauthorized, RefreshError)):
        answers()
