"""Who may call the laptop cloud: who can read its key file, which is an invented service account and its bearer.

Google's clients sign with the key, by themselves (https://google.aip.dev/auth/4111) or at the token endpoint; plain
calls bring the bearer.
"""

import base64
import functools
import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt
from google.oauth2.credentials import Credentials

from localcloud.web import ApiError, Request, Response, Routes

TOKEN_SECONDS = 3600
_BEARER = "localcloud_bearer"


def write_service_account(path: Path, token_uri: str, project: str = "heavy-rotation-laptop") -> None:
    """Write a key file as Google's console would give it, whose tokens come from `token_uri`."""
    account = {
        "type": "service_account",
        "project_id": project,
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
    """Refuses whom the key file does not know, at the paths that begin with `under`."""

    def __init__(self, key_path: Path, under: str = "/") -> None:
        account, self._under = json.loads(key_path.read_text()), under
        private = serialization.load_pem_private_key(account["private_key"].encode(), None)
        pem, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        self._bearer: str = account[_BEARER]
        self._verifier = crypt.RSAVerifier.from_string(private.public_key().public_bytes(pem, form))

    def __call__(self, request: Request) -> None:
        """Raises ApiError 401."""
        if request.path.startswith(self._under) and not self._knows(_credential(request)):
            raise ApiError(401, "authError", "The laptop cloud knows its owner only: send the bearer of its key file")

    def _knows(self, credential: str) -> bool:
        return hmac.compare_digest(credential.encode(), self._bearer.encode()) or self._has_signed(credential)

    def _has_signed(self, token: str) -> bool:
        """Whatever its time: the laptop cloud may live in a simulated one."""
        signed, _, signature = token.rpartition(".")
        try:
            return bool(self._verifier.verify(signed.encode(), base64.urlsafe_b64decode(signature + "==")))
        except ValueError:
            return False


def _credential(request: Request) -> str:
    if request.path == "/token":
        return parse_qs(request.body.decode("latin-1")).get("assertion", [""])[0]
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    return credential if scheme.lower() == "bearer" else ""


def token_routes() -> Routes:
    """The token endpoint. What was signed for it is a token itself."""
    routes = Routes()
    routes.add("POST", "/token", _token)
    return routes


def _token(request: Request) -> Response:
    return Response.of_json({"access_token": _credential(request), "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})


@functools.cache
def _signer(private_key: str) -> crypt.RSASigner:
    # Reading a key takes far longer than signing with it.
    signer: crypt.RSASigner = crypt.RSASigner.from_string(private_key)
    return signer


@functools.cache
def _private_key() -> str:
    # One per process, and short: each of Google's clients proves the key's numbers when it loads them, which takes
    # 40 ms at 2,048 bits and 7 ms at 1,024. It lets in whom the bearer beside it lets in.
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    pem, format_ = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, format_, serialization.NoEncryption()).decode()
