"""Who may see whom is decided on the server: an unsigned header, a stranger and a slip in the list show nothing."""

import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth import jwt
from google.auth.crypt import ES256Signer

from access import identity
from access.identity import (
    IAP_HEADER,
    IAP_ISSUER,
    IapKeys,
    NotAllowed,
    NotConfigured,
    NotSignedIn,
    NotVerified,
)
from localcloud.web import Response, Routes, Server
from settings import Settings, SettingsError

AUDIENCE = "/projects/1/locations/europe-west1/services/dashboard"
KNOWN = ("ania", "ben", "cleo")
ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "p",
    "DASHBOARD_IAP_AUDIENCE": AUDIENCE,
    "DASHBOARD_VIEWERS": '{"Ania@Example.org": "ania", "both@example.org": ["ben", "ania"], "owner@example.org": "*"}',
    "DASHBOARD_LISTENERS": '{"ania": {"name": "Zoe", "time_zone": "Europe/Warsaw"}}',
}


class Signer:
    """A key pair of which the public half is handed out as Google hands out its own."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        self.keys = {"k1": key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()}
        self._signer = ES256Signer(key, key_id="k1")

    def sign(self, **claims: Any) -> str:
        now = int(time.time())
        usual = {"iss": IAP_ISSUER, "aud": AUDIENCE, "email": "ania@example.org", "iat": now, "exp": now + 600}
        return jwt.encode(self._signer, {**usual, **claims}).decode()


def allowed_listeners(
    settings: Settings,
    headers: Mapping[str, str],
    email: str | None,
    remembered: MutableMapping[str, str],
) -> tuple[str, ...]:
    """The two halves of the decision, as the dashboard takes them."""
    entry = identity.entry_of_viewer(settings, headers, email, remembered, None)
    return identity.allowed_listeners(settings, entry, KNOWN)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def behind_iap(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, ...]]:
    settings = Settings.from_env(ENVIRONMENT)
    monkeypatch.setattr(identity, "_google_keys", lambda key_id: signer.keys)

    def look(assertion: str | None, header: str = IAP_HEADER) -> tuple[str, ...]:
        headers = {} if assertion is None else {header: assertion}
        return allowed_listeners(settings, headers, None, {})

    return look


def test_a_signed_header_shows_the_listeners_the_owner_listed_for_that_address(behind_iap, signer):
    assert behind_iap(signer.sign()) == ("ania",)
    assert behind_iap(signer.sign(email="ANIA@example.org"), IAP_HEADER.lower()) == ("ania",)
    assert behind_iap(signer.sign(email="both@example.org")) == ("ben", "ania")
    assert behind_iap(signer.sign(email="owner@example.org")) == ("ben", "cleo", "ania")


@pytest.mark.parametrize(
    ("claims", "refusal"),
    [
        ({"email": "stranger@example.org"}, NotAllowed),
        ({"email": None}, NotVerified),
        ({"email": ""}, NotVerified),
        ({"aud": "/projects/1/locations/europe-west1/services/other"}, NotConfigured),
        ({"aud": None}, NotConfigured),
        ({"iss": "https://accounts.google.com"}, NotVerified),
        ({"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600}, NotVerified),
        ({"exp": "tomorrow"}, NotVerified),
    ],
    ids=["stranger", "no address", "empty", "another service", "no audience", "another issuer", "expired", "no time"],
)
def test_a_header_that_does_not_prove_a_listed_viewer_shows_nothing(behind_iap, signer, claims, refusal):
    with pytest.raises(refusal) as refused:
        behind_iap(signer.sign(**claims))
    assert not any(name in str(refused.value) for name in (*KNOWN, "example.org", "Zoe"))


def test_another_audience_is_in_the_log_beside_the_setting_and_only_when_google_signed_it(behind_iap, signer, caplog):
    balancer = "/projects/1/global/backendServices/2"
    with pytest.raises(NotConfigured, match="DASHBOARD_IAP_AUDIENCE"):
        behind_iap(signer.sign(aud=balancer))
    (entry,) = caplog.records
    assert entry.levelname == "ERROR"
    assert balancer in entry.getMessage()
    assert "DASHBOARD_IAP_AUDIENCE" in entry.getMessage()
    assert "example.org" not in entry.getMessage()

    with pytest.raises(NotVerified):
        behind_iap(Signer().sign(aud=balancer))
    assert len(caplog.records) == 1


def test_a_header_signed_by_another_shows_nothing(behind_iap):
    with pytest.raises(NotVerified):
        behind_iap(Signer().sign())


@pytest.mark.parametrize("assertion", ["rubbish", "a.b.c", "ÿ.ÿ.ÿ"])
def test_a_header_that_is_rubbish_shows_nothing(behind_iap, assertion):
    with pytest.raises(NotVerified):
        behind_iap(assertion)


@pytest.mark.parametrize("assertion", [None, ""])
def test_without_the_header_identity_aware_proxy_is_not_in_front(behind_iap, assertion):
    with pytest.raises(NotConfigured, match="Turn Identity-Aware Proxy on"):
        behind_iap(assertion)


def test_the_unsigned_address_header_is_not_believed(behind_iap):
    with pytest.raises(NotConfigured):
        behind_iap("accounts.google.com:owner@example.org", "X-Goog-Authenticated-User-Email")


def test_a_header_is_verified_once_per_connection_and_a_changed_one_again(signer, monkeypatch):
    settings, fetched, remembered = Settings.from_env(ENVIRONMENT), [], {}

    def keys(key_id: str) -> Mapping[str, str]:
        fetched.append(key_id)
        return signer.keys

    def look(assertion: str) -> tuple[str, ...]:
        return allowed_listeners(settings, {IAP_HEADER: assertion}, None, remembered)

    monkeypatch.setattr(identity, "_google_keys", keys)
    first = signer.sign()
    assert [look(first), look(first)] == [("ania",), ("ania",)]
    assert len(fetched) == 1
    with pytest.raises(NotVerified):
        look(first[:-4] + "AAAA")
    assert len(fetched) == 2


class KeyServer:
    """Google's key server and the clock, as the test wants them; it answers while it is `open`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer: Any = {"k1": "first"}
        self.fetched, self.now, self.open = 0, 0.0, threading.Event()
        self.open.set()
        monkeypatch.setattr(identity, "_fetched_keys", self._fetch)
        monkeypatch.setattr(identity.time, "monotonic", lambda: self.now)
        self.keys = IapKeys()

    def refresh(self) -> None:
        """Let the background end what it does."""
        self.open.set()
        for thread in threading.enumerate():
            if thread.name == "keys of Identity-Aware Proxy":
                thread.join()

    def _fetch(self) -> Mapping[str, str]:
        self.fetched += 1
        assert self.open.wait(10), "a viewer waits for it"
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def key_server(monkeypatch: pytest.MonkeyPatch) -> KeyServer:
    return KeyServer(monkeypatch)


def test_a_known_key_serves_for_a_day_while_googles_key_server_is_away(key_server: KeyServer) -> None:
    key_server.keys("k1")
    key_server.answer = requests.ConnectionError("away")

    for hours in (0.9, 1.1, 12, 23.9):
        key_server.now = hours * 3600
        assert key_server.keys("k1") == {"k1": "first"}
        key_server.refresh()
    assert key_server.fetched == 4, "once at first, and then at each look after the first hour"

    key_server.now = 24.1 * 3600
    with pytest.raises(NotVerified, match="Try again in a minute"):
        key_server.keys("k1")


def test_no_viewer_waits_for_the_refresh_of_keys_that_are_known(key_server: KeyServer) -> None:
    key_server.keys("k1")
    key_server.now, key_server.answer = 3601, {"k1": "first", "k2": "second"}
    key_server.open.clear()

    assert key_server.keys("k1") == {"k1": "first"}
    key_server.refresh()
    assert key_server.keys("k2") == {"k1": "first", "k2": "second"}
    assert key_server.fetched == 2


def test_a_key_that_is_not_known_is_asked_for_once_a_minute_whether_that_works_or_not(key_server: KeyServer) -> None:
    key_server.answer = requests.ConnectionError("away")
    for seconds, fetched in ((0, 1), (59, 1), (60, 2)):
        key_server.now = seconds
        for _ in range(3):
            with pytest.raises(NotVerified):
                key_server.keys("k1")
        assert key_server.fetched == fetched

    key_server.now, key_server.answer = 120, {"k1": "first"}
    assert key_server.keys("k1") == {"k1": "first"}
    assert key_server.keys("unknown") == {"k1": "first"}, "whose signature then fits none of them"
    assert key_server.fetched == 3


def test_two_bad_answers_of_the_key_server_are_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    routes, fetched = Routes(), []
    answers = [Response(503), Response.of_text("not JSON"), Response.of_json({"k1": "first"})]
    routes.add("GET", "/keys", lambda request: fetched.append(request) or answers[len(fetched) - 1])
    server = Server("keys", routes).start()
    monkeypatch.setattr(identity, "IAP_KEYS", f"{server.url}/keys")
    monkeypatch.setattr(identity, "_PAUSE_SECONDS", 0)

    assert IapKeys()("k1") == {"k1": "first"}
    assert len(fetched) == 3
    server.stop()


def test_an_answer_that_is_no_keys_is_not_taken_for_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = Routes()
    routes.add("GET", "/keys", lambda request: Response.of_json({"keys": []}))
    server = Server("keys", routes).start()
    monkeypatch.setattr(identity, "IAP_KEYS", f"{server.url}/keys")

    with pytest.raises(NotVerified):
        IapKeys()("k1")
    server.stop()


def test_with_open_id_connect_the_verified_address_decides():
    listed = {"DASHBOARD_VIEWERS": '{"both@example.org": ["ben", "ania"], "mark@example.org": "ben"}'}
    settings = Settings.from_env({**ENVIRONMENT, **listed, "DASHBOARD_ACCESS": "oidc"})
    assert allowed_listeners(settings, {}, "both@example.org", {}) == ("ben", "ania")
    with pytest.raises(NotSignedIn):
        allowed_listeners(settings, {IAP_HEADER: "x"}, None, {})
    for stranger in ("stranger@example.org", "mar\N{KELVIN SIGN}@example.org"):
        with pytest.raises(NotAllowed):
            allowed_listeners(settings, {}, stranger, {})


@pytest.fixture
def laptop() -> Settings:
    return Settings.from_env({"GOOGLE_CLOUD_PROJECT": "p", "DASHBOARD_ACCESS": "laptop"})


@pytest.mark.parametrize(
    ("host", "origin", "peer"),
    [
        ("127.0.0.1:8501", "http://127.0.0.1:8501", "127.0.0.1"),
        ("localhost:8501", "http://localhost:8501", None),
        ("[::1]:8501", "http://[::1]:8501", "::1"),
    ],
)
def test_on_the_laptop_its_own_browser_is_not_asked_who_it_is(laptop: Settings, host, origin, peer) -> None:
    headers = {"Host": host, "Origin": origin}
    assert identity.entry_of_viewer(laptop, headers, None, {}, peer) == ("*",)


@pytest.mark.parametrize(
    ("host", "origin", "peer"),
    [
        ("192.168.1.7:8501", "http://192.168.1.7:8501", "192.168.1.8"),
        ("127.0.0.1:8501", "http://127.0.0.1:8501", "192.168.1.8"),
        ("evil.example:8501", "http://evil.example:8501", "127.0.0.1"),
        ("127.0.0.1.evil.example:8501", "http://127.0.0.1.evil.example:8501", "127.0.0.1"),
        ("127.0.0.1:8501", "http://127.0.0.1:9999", "127.0.0.1"),
        ("127.0.0.1:8501", "null", "127.0.0.1"),
        ("127.0.0.1:8501", "https://evil.example", None),
        ("[", "http://[", None),
    ],
    ids=["network", "forged host", "rebound name", "rebound address", "another port", "sandbox", "other site", "junk"],
)
def test_on_the_laptop_other_computers_and_other_pages_see_nothing(laptop: Settings, host, origin, peer) -> None:
    with pytest.raises(NotConfigured, match="same computer"):
        identity.entry_of_viewer(laptop, {"host": host, "origin": origin}, None, {}, peer)


def test_laptop_is_refused_on_cloud_run() -> None:
    with pytest.raises(SettingsError, match="this is Cloud Run"):
        Settings.from_env({"GOOGLE_CLOUD_PROJECT": "p", "DASHBOARD_ACCESS": "laptop", "K_SERVICE": "dashboard"})


def test_no_one_is_listed_unless_the_owner_lists_them():
    settings = Settings.from_env({"GOOGLE_CLOUD_PROJECT": "p", "DASHBOARD_ACCESS": "oidc"})
    with pytest.raises(NotAllowed):
        allowed_listeners(settings, {}, "owner@example.org", {})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"GOOGLE_CLOUD_PROJECT": ""}, "GOOGLE_CLOUD_PROJECT"),
        ({"DASHBOARD_IAP_AUDIENCE": ""}, "DASHBOARD_IAP_AUDIENCE"),
        ({"DASHBOARD_ACCESS": "everybody"}, "DASHBOARD_ACCESS"),
        ({"DASHBOARD_VIEWERS": "ania@example.org"}, "DASHBOARD_VIEWERS"),
        ({"DASHBOARD_VIEWERS": '["ania@example.org"]'}, "DASHBOARD_VIEWERS"),
        ({"DASHBOARD_VIEWERS": '{"ania@example.org": 1}'}, "DASHBOARD_VIEWERS"),
        ({"DASHBOARD_VIEWERS": '{"ania@example.org": "ania", " Ania@Example.org": "*"}'}, "two spellings"),
        ({"DASHBOARD_VIEWERS": '{"jürgen@example.org": "*"}'}, "outside ASCII"),
        ({"DASHBOARD_LISTENERS": '{"ania": "Zoe"}'}, "DASHBOARD_LISTENERS"),
        ({"MAXIMUM_BYTES_BILLED": "a lot"}, "MAXIMUM_BYTES_BILLED"),
        ({"SCHEDULE": "every hour"}, "SCHEDULE"),
        ({"SCHEDULE_SINCE": "yesterday"}, "SCHEDULE_SINCE"),
        ({"SCHEDULE_SINCE": "2026-11-24T12:00:00"}, "SCHEDULE_SINCE"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_without_its_value(changes, named):
    with pytest.raises(SettingsError, match=named) as refused:
        Settings.from_env({**ENVIRONMENT, **changes})
    assert "example.org" not in str(refused.value)


def test_names_and_home_zones_come_from_the_owner():
    settings = Settings.from_env(ENVIRONMENT)
    assert [settings.name_of("ania"), settings.name_of("ben")] == ["Zoe", "ben"]
    assert [settings.zones.get("ania"), settings.zones.get("ben")] == ["Europe/Warsaw", None]
