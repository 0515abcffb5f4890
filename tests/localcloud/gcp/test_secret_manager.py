"""Secret Manager as google-cloud-secret-manager sees it."""

import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.cloud.secretmanager import SecretManagerServiceClient

from tests.localcloud.conftest import running_cloud
from tests.localcloud.gcp import secrets

PROJECT = "projects/heavy-rotation-laptop"
SECRET = f"{PROJECT}/secrets/refresh-token-ana"
TOKEN = b'{"refresh_token": "AQ-ana"}'


@pytest.fixture
def client(google: Any) -> SecretManagerServiceClient:
    return SecretManagerServiceClient(transport="rest", client_options={"api_endpoint": google.url})


def _create(client: SecretManagerServiceClient, secret_id: str = "refresh-token-ana", **labels: str) -> None:
    secret = {"replication": {"automatic": {}}, "labels": labels}
    client.create_secret(parent=PROJECT, secret_id=secret_id, secret=secret)


def _add(client: SecretManagerServiceClient, payload: bytes) -> str:
    checked = {"data": payload, "data_crc32c": google_crc32c.value(payload)}
    return str(client.add_secret_version(parent=SECRET, payload=checked).name)


def test_a_stored_token_comes_back_with_its_checksum(client: SecretManagerServiceClient) -> None:
    _create(client, listener="ana")
    first, second = _add(client, b"\0binary\xff"), _add(client, TOKEN)

    by_number = client.access_secret_version(name=f"{SECRET}/versions/1")
    latest = client.access_secret_version(name=f"{SECRET}/versions/latest")

    assert (first, second) == (f"{SECRET}/versions/1", f"{SECRET}/versions/2")
    assert (by_number.name, by_number.payload.data) == (first, b"\0binary\xff")
    # Worked out with an independent CRC32C, from the polynomial 0x82F63B78.
    assert (latest.name, latest.payload.data, latest.payload.data_crc32c) == (second, TOKEN, 1251703097)


def test_a_token_that_was_damaged_on_the_way_is_not_stored(client: SecretManagerServiceClient) -> None:
    _create(client)
    with pytest.raises(BadRequest, match="checksum does not match") as refusal:
        client.add_secret_version(parent=SECRET, payload={"data": TOKEN, "data_crc32c": 1})
    assert "AQ-ana" not in str(refusal.value)
    assert list(client.list_secret_versions(parent=SECRET)) == []


@pytest.mark.parametrize("state", ["DISABLED", "DESTROYED"])
def test_latest_is_the_newest_version_in_whatever_state_it_is(client: SecretManagerServiceClient, state: str) -> None:
    _create(client)
    _add(client, b"old")
    newest = _add(client, b"new")
    (client.disable_secret_version if state == "DISABLED" else client.destroy_secret_version)(name=newest)

    with pytest.raises(BadRequest, match=rf"Secret Version \[{newest}\] is in {state} state") as refusal:
        client.access_secret_version(name=f"{SECRET}/versions/latest")

    assert refusal.value.reason is None
    assert refusal.value.response.json()["error"]["status"] == "FAILED_PRECONDITION"
    assert client.access_secret_version(name=f"{SECRET}/versions/1").payload.data == b"old"


def test_a_destroyed_version_stays_destroyed(client: SecretManagerServiceClient) -> None:
    _create(client)
    name = _add(client, TOKEN)
    destroyed = client.destroy_secret_version(name=name)

    assert (destroyed.state.name, destroyed.destroy_time is not None) == ("DESTROYED", True)
    for change in (client.disable_secret_version, client.destroy_secret_version):
        with pytest.raises(BadRequest, match="is in DESTROYED state"):
            change(name=name)


def test_versions_are_listed_newest_first_with_their_states(client: SecretManagerServiceClient) -> None:
    _create(client)
    names = [_add(client, payload) for payload in (b"1", b"2", b"3")]
    client.destroy_secret_version(name=names[0])
    client.disable_secret_version(name=names[1])

    for more in ({}, {"page_size": 1}):
        versions = client.list_secret_versions(request={"parent": SECRET, **more})
        listed = [(version.name, version.state.name) for version in versions]
        assert listed == [(names[2], "ENABLED"), (names[1], "DISABLED"), (names[0], "DESTROYED")]


def test_latest_and_the_list_lag_behind_where_the_cloud_is_told_so(
    google: Any, client: SecretManagerServiceClient
) -> None:
    _create(client)
    _add(client, b"old")
    google.clock.set(google.clock.now() + timedelta(hours=3))
    google.secrets.lag = timedelta(hours=2)
    newest = _add(client, b"new")
    client.destroy_secret_version(name=f"{SECRET}/versions/1")

    [listed] = client.list_secret_versions(parent=SECRET)

    assert (listed.name, listed.state.name) == (f"{SECRET}/versions/1", "ENABLED")
    assert client.access_secret_version(name=newest).payload.data == b"new"
    with pytest.raises(BadRequest, match=r"versions/1\] is in DESTROYED state"):
        client.access_secret_version(name=f"{SECRET}/versions/latest")


def test_secrets_are_listed_newest_first_with_their_labels(client: SecretManagerServiceClient) -> None:
    labels = {"app": "heavy-rotation", "kind": "refresh-token"}
    for slug in ("ana", "ben", "cy"):
        _create(client, f"refresh-token-{slug}", **labels, listener=slug)
    _create(client, "unlabelled")

    pages = list(client.list_secrets(request={"parent": PROJECT, "page_size": 3}).pages)

    assert [(len(one.secrets), one.total_size) for one in pages] == [(3, 4), (1, 4)]
    assert [(secret.name.rpartition("/")[2], dict(secret.labels)) for one in pages for secret in one.secrets] == [
        ("unlabelled", {}),
        *((f"refresh-token-{slug}", {**labels, "listener": slug}) for slug in ("cy", "ben", "ana")),
    ]


def test_a_secret_is_made_once_with_a_proper_name_and_proper_labels(client: SecretManagerServiceClient) -> None:
    _create(client)
    with pytest.raises(Conflict):
        _create(client)
    for bad in ("a b", "x" * 256, "ü"):
        with pytest.raises(BadRequest, match="does not match the expected format"):
            _create(client, bad)
    with pytest.raises(BadRequest, match="Listener=Ana does not match the expected format"):
        _create(client, "fine", Listener="Ana")
    with pytest.raises(BadRequest, match="replication"):
        client.create_secret(parent=PROJECT, secret_id="fine", secret={})
    with pytest.raises(BadRequest, match="larger than 65536 bytes"):
        _add(client, b"x" * 65_537)


def test_what_is_not_there_is_not_found(client: SecretManagerServiceClient) -> None:
    with pytest.raises(NotFound):
        client.delete_secret(name=SECRET)
    with pytest.raises(NotFound):
        _add(client, TOKEN)
    _create(client)
    for version in ("latest", "1", "0", "x"):
        with pytest.raises(NotFound):
            client.access_secret_version(name=f"{SECRET}/versions/{version}")


def test_payloads_survive_a_restart_in_a_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        cloud.secrets.store("p", "token", b"first", {"listener": "ana"})
        cloud.secrets.store("p", "token", b"second")

    with running_cloud(tmp_path) as cloud:
        assert secrets.payloads(cloud, "token", "p") == [b"first", b"second"]
        assert secrets.versions(cloud, "token", "p") == {1: "ENABLED", 2: "ENABLED"}
        files = [path for path in tmp_path.iterdir() if path.is_file()]  # the key of the credentials among them
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.parametrize("end", ["destroy", "delete"])
def test_a_payload_is_nowhere_on_disk_once_it_was_destroyed(
    google: Any, client: SecretManagerServiceClient, end: str
) -> None:
    _create(client)
    # Large enough for pages of its own, which SQLite would leave as they are when they fall free.
    names = [_add(client, b"do not find me " * 1_000) for _ in range(3)]
    if end == "delete":
        client.delete_secret(name=SECRET)
    else:
        for name in names:
            client.destroy_secret_version(name=name)

    files = [path for path in google.directory.rglob("*") if path.is_file()]

    assert google.directory / "state.sqlite" in files
    assert [path for path in files if b"do not find me" in path.read_bytes()] == []
