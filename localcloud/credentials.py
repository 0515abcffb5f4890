"""Application Default Credentials for the laptop: an invented service account and the endpoint that believes it."""

import functools
import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.web import Request, Response, Routes

TOKEN_SECONDS = 3600


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
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(account))


def token_routes() -> Routes:
    """The token endpoint; it asks no questions, for on a laptop there is nobody to keep out."""
    routes = Routes()
    routes.add("POST", "/token", _token)
    return routes


def _token(request: Request) -> Response:
    return Response.of_json({"access_token": "laptop", "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})


@functools.cache
def _private_key() -> str:
    # One per process: making it takes longer than starting a whole laptop cloud in a test.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, format_ = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, format_, serialization.NoEncryption()).decode()
