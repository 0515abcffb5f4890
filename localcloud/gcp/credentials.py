"""Credentials of the laptop cloud: a key file with an invented service account and a bearer, and the check of both.

Google's clients sign with the key, by themselves (https://google.aip.dev/auth/4111) or at the token endpoint; plain
calls send the bearer.
"""

import base64
import functools
import hmac
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt
from google.oauth2.credentials import Credentials

from localcloud.web import ApiError, Request, Response, Routes

TOKEN_PATH, TOKEN_SECONDS = "/token", 3600
_LONGEST_ASSERTION_BYTES = 16_384
_BEARER = "localcloud_bearer"


def write_service_account(path: Path, token_uri: str) -> None:
    """Write a key file as Google's console would give it, whose tokens come from `token_uri`."""
    account = {
        "type": "service_account",
        "project_id": "heavy-rotation-laptop",
        "private_key_id": "laptop",
        "private_key": _private_key(),
        # Without a name: google-auth asks iamcredentials.googleapis.com where an account with one may be used, whatever
        # the endpoints are. Nothing of the laptop cloud leaves the laptop.
        "client_email": "",
        "client_id": "1",
        "token_uri": token_uri,
        _BEARER: secrets.token_urlsafe(32),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(account))


def bearer(settings: Mapping[str, str]) -> dict[str, str]:
    """The header of a plain call to the laptop cloud with these settings."""
    return {"Authorization": f"Bearer {_bearer(settings)}"}


def identity_token(key_path: Path, audience: str) -> dict[str, str]:
    """The header with which Scheduler, Eventarc and Pub/Sub call a function: an OIDC token, signed with the key."""
    signer = _signer(json.loads(key_path.read_text())["private_key"])
    claims = {
        "aud": audience,
        "iss": "https://accounts.google.com",
        "email": "caller@laptop",
        "email_verified": True,
    }
    return {"Authorization": f"Bearer {jwt.encode(signer, claims).decode()}"}


def of_laptop(settings: Mapping[str, str]) -> Credentials:
    """For Google's clients in a process whose own credentials may be real ones."""
    return Credentials(token=_bearer(settings))


def _bearer(settings: Mapping[str, str]) -> str:
    account = json.loads(Path(settings["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    return str(account[_BEARER])


class Doorkeeper:
    """Refuses callers without the key file's bearer or signature, at the paths that begin with `under`.

    It is called before the body is read, since that of an unknown caller may be large. `except_for`: a path whose short
    bodies are read first, because the credential is in them. `function_url`: where a function is served, which admits
    only what `identity_token` has signed for this address. Every other server refuses what is signed for a function.
    """

    def __init__(
        self, key_path: Path, under: str = "/", except_for: str | None = None, function_url: str | None = None
    ) -> None:
        account, self._under, self._except_for = json.loads(key_path.read_text()), under, except_for
        self._function_url = function_url
        private = serialization.load_pem_private_key(account["private_key"].encode(), None)
        pem, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        self._bearer: str = account[_BEARER]
        self._verifier = crypt.RSAVerifier.from_string(private.public_key().public_bytes(pem, form))

    def __call__(self, request: Request) -> None:
        """Raises ApiError 401."""
        length = request.headers.get("Content-Length", "")
        # A body in chunks has any length, whatever Content-Length says beside it.
        is_short = length.isdecimal() and len(length) < 10 and int(length) <= _LONGEST_ASSERTION_BYTES
        is_short = is_short and "Transfer-Encoding" not in request.headers
        if request.path.startswith(self._under) and not (request.path == self._except_for and is_short):
            scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
            self.check(credential if scheme.lower() == "bearer" else "")

    def check(self, credential: str) -> None:
        """Raises ApiError 401. A signature counts whatever its time: the laptop cloud may live in a simulated one."""
        if not self._function_url and hmac.compare_digest(credential.encode(), self._bearer.encode()):
            return
        signed, _, signature = credential.rpartition(".")
        with suppress(ValueError):
            if self._verifier.verify(signed.encode(), _decoded(signature)):
                # Google's clients sign for an address of Google's, or for scopes alone.
                audience = str(json.loads(_decoded(signed.partition(".")[2])).get("aud", ""))
                if audience == self._function_url if self._function_url else not audience.startswith("http:"):
                    return
        raise ApiError(401, "authError", "The laptop cloud answers its owner only: send the bearer of its key file")


def token_routes(door: Doorkeeper | None) -> Routes:
    """The token endpoint. What the key has signed for it is a token itself."""

    def token(request: Request) -> Response:
        assertion = parse_qs(request.body.decode("latin-1")).get("assertion", [""])[0]
        if door:
            door.check(assertion)
        return Response.of_json({"access_token": assertion, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})

    routes = Routes()
    routes.add("POST", TOKEN_PATH, token)
    return routes


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "==")


@functools.cache
def _signer(private_key: str) -> crypt.RSASigner:
    # Reading a key takes far longer than signing with it.
    signer: crypt.RSASigner = crypt.RSASigner.from_string(private_key)
    return signer


@functools.cache
def _private_key() -> str:
    # One per process, and short: each of Google's clients proves the key's numbers when it loads them, which takes
    # 40 ms at 2,048 bits and 7 ms at 1,024. It admits the same callers as the bearer beside it.
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    pem, format_ = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, format_, serialization.NoEncryption()).decode()
