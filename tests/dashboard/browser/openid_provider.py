"""A small OpenID provider on 127.0.0.1 that signs in at once, as the account that the test says."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from localcloud.web import Request, Response, Routes, Server


class OpenIdProvider:
    """`account` holds the claims of who signs in next."""

    def __init__(self) -> None:
        self.account: dict[str, Any] = {}
        self._key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        self._requests: dict[str, dict[str, str]] = {}
        routes = Routes()
        routes.add("GET", "/.well-known/openid-configuration", lambda request: Response.of_json(self._metadata()))
        routes.add("GET", "/jwks", lambda request: Response.of_json({"keys": [self._key.as_dict(private=False)]}))
        routes.add("GET", "/authorize", self._authorize)
        routes.add("POST", "/token", self._token)
        routes.add("GET", "/end", lambda request: _redirect(str(request.arg("post_logout_redirect_uri"))))
        self.server = Server("openid", routes)

    def _metadata(self) -> dict[str, Any]:
        url = self.server.url
        return {
            "issuer": url,
            "authorization_endpoint": f"{url}/authorize",
            "token_endpoint": f"{url}/token",
            "jwks_uri": f"{url}/jwks",
            "end_session_endpoint": f"{url}/end",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _authorize(self, request: Request) -> Response:
        code = secrets.token_hex(8)
        self._requests[code] = {name: values[0] for name, values in request.query.items()}
        return _redirect(f"{request.arg('redirect_uri')}?{urlencode({'code': code, 'state': request.arg('state')})}")

    def _token(self, request: Request) -> Response:
        requested, now = self._requests.pop(dict(parse_qsl(request.body.decode()))["code"]), int(time.time())
        claims = {"iss": self.server.url, "aud": requested["client_id"], "sub": "1", "iat": now, "exp": now + 3600}
        claims |= {"nonce": requested.get("nonce"), **self.account}
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self._key)
        return Response.of_json({"access_token": "a", "token_type": "Bearer", "expires_in": 3600, "id_token": token})


def secrets_toml(provider: OpenIdProvider, address: str) -> str:
    """What Streamlit must know to let viewers of the dashboard at this address sign in."""
    auth = {
        "redirect_uri": f"{address}/oauth2callback",
        "cookie_secret": secrets.token_hex(16),
        "client_id": "dashboard",
        "client_secret": "invented",  # pragma: allowlist secret -- invented
        "server_metadata_url": f"{provider.server.url}/.well-known/openid-configuration",
    }
    return "[auth]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in auth.items())


@contextmanager
def providing() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()
    provider.server.start()
    yield provider
    provider.server.stop()


def _redirect(url: str) -> Response:
    assert urlsplit(url).hostname == "127.0.0.1"
    return Response(302, headers={"Location": url})
