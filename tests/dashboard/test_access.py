"""Who may see whom is decided on the server: a header nobody signed, a stranger and a slip in the list show nothing."""

import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth import jwt
from google.auth.crypt import ES256Signer

import access
from access import IAP_HEADER, IAP_ISSUER, FetchKeys, NotAllowed, NotSignedIn
from dashboard_settings import Settings, SettingsError

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
    known: tuple[str, ...],
    remembered: MutableMapping[str, str] | None = None,
    fetch_keys: FetchKeys = lambda key_id: {},
) -> tuple[str, ...]:
    """The two halves of the decision, as the dashboard takes them."""
    entry = access.entry_of_viewer(settings, headers, email, remembered, fetch_keys)
    return access.allowed_listeners(settings, entry, known)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def behind_iap(signer: Signer) -> Callable[..., tuple[str, ...]]:
    settings = Settings.from_env(ENVIRONMENT)

    def look(assertion: str | None, header: str = IAP_HEADER) -> tuple[str, ...]:
        headers = {} if assertion is None else {header: assertion}
        return allowed_listeners(settings, headers, None, KNOWN, {}, lambda key_id: signer.keys)

    return look


def test_a_signed_header_shows_the_listeners_the_owner_listed_for_that_address(behind_iap, signer):
    assert behind_iap(signer.sign()) == ("ania",)
    assert behind_iap(signer.sign(email="ANIA@example.org"), IAP_HEADER.lower()) == ("ania",)
    assert behind_iap(signer.sign(email="both@example.org")) == ("ben", "ania")
    assert behind_iap(signer.sign(email="owner@example.org")) == ("ben", "cleo", "ania")


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "stranger@example.org"},
        {"email": None},
        {"email": ""},
        {"aud": "/projects/1/locations/europe-west1/services/other"},
        {"iss": "https://accounts.google.com"},
        {"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600},
    ],
    ids=["stranger", "no address", "empty address", "another service", "another issuer", "expired"],
)
def test_a_header_that_does_not_prove_a_listed_viewer_shows_nothing(behind_iap, signer, claims):
    with pytest.raises(NotAllowed) as refused:
        behind_iap(signer.sign(**claims))
    assert not any(name in str(refused.value) for name in (*KNOWN, "example.org", "Zoe"))


def test_a_header_signed_by_somebody_else_shows_nothing(behind_iap):
    with pytest.raises(NotAllowed):
        behind_iap(Signer().sign())


@pytest.mark.parametrize("assertion", [None, "", "rubbish", "a.b.c", "ÿ.ÿ.ÿ"])
def test_a_header_that_is_missing_or_rubbish_shows_nothing(behind_iap, assertion):
    with pytest.raises(NotAllowed):
        behind_iap(assertion)


def test_the_unsigned_address_header_is_not_believed(behind_iap):
    with pytest.raises(NotAllowed):
        behind_iap("accounts.google.com:owner@example.org", "X-Goog-Authenticated-User-Email")


def test_a_header_is_verified_once_per_connection_and_a_changed_one_again(signer):
    settings, asked, remembered = Settings.from_env(ENVIRONMENT), [], {}

    def keys(key_id: str) -> Mapping[str, str]:
        asked.append(key_id)
        return signer.keys

    def look(assertion: str) -> tuple[str, ...]:
        return allowed_listeners(settings, {IAP_HEADER: assertion}, None, KNOWN, remembered, keys)

    first = signer.sign()
    assert [look(first), look(first)] == [("ania",), ("ania",)]
    assert len(asked) == 1
    with pytest.raises(NotAllowed):
        look(first[:-4] + "AAAA")
    assert len(asked) == 2


def test_with_open_id_connect_the_verified_address_decides():
    settings = Settings.from_env({**ENVIRONMENT, "DASHBOARD_ACCESS": "oidc"})
    assert allowed_listeners(settings, {}, "both@example.org", KNOWN) == ("ben", "ania")
    with pytest.raises(NotSignedIn):
        allowed_listeners(settings, {IAP_HEADER: "x"}, None, KNOWN)
    with pytest.raises(NotAllowed):
        allowed_listeners(settings, {}, "stranger@example.org", KNOWN)


def test_on_the_laptop_nobody_is_asked():
    settings = Settings.from_env({"GOOGLE_CLOUD_PROJECT": "p", "DASHBOARD_ACCESS": "laptop"})
    assert allowed_listeners(settings, {}, None, KNOWN) == KNOWN


def test_nobody_is_listed_unless_the_owner_lists_them():
    settings = Settings.from_env({"GOOGLE_CLOUD_PROJECT": "p", "DASHBOARD_ACCESS": "oidc"})
    with pytest.raises(NotAllowed):
        allowed_listeners(settings, {}, "owner@example.org", KNOWN)


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
        ({"DASHBOARD_LISTENERS": '{"ania": "Zoe"}'}, "DASHBOARD_LISTENERS"),
        ({"MAXIMUM_BYTES_BILLED": "a lot"}, "MAXIMUM_BYTES_BILLED"),
        ({"SCHEDULE": "every hour"}, "SCHEDULE"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_its_value_is_not_told(changes, named):
    with pytest.raises(SettingsError, match=named) as refused:
        Settings.from_env({**ENVIRONMENT, **changes})
    assert "example.org" not in str(refused.value)


def test_names_and_home_zones_come_from_the_owner():
    settings = Settings.from_env(ENVIRONMENT)
    assert [settings.name_of("ania"), settings.name_of("ben")] == ["Zoe", "ben"]
    assert [settings.zone_of("ania"), settings.zone_of("ben")] == ["Europe/Warsaw", None]
