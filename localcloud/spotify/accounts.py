"""The invented accounts.spotify.com: consent page, codes and tokens. No PKCE: this project's client has a secret."""

import base64
import binascii
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from localcloud.listeners.listeners import InventedListener
from localcloud.spotify import answers
from localcloud.spotify.consents import Consents
from localcloud.spotify.errors import Refusal
from localcloud.web import Request, Response, Routes

SCOPE = "user-read-recently-played"
"""The only one that the project asks for."""


@dataclass(frozen=True)
class App:
    """What the developer dashboard knows: the client's credentials and where people may be sent back to."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str

    def may_redirect_to(self, uri: str) -> bool:
        """Byte for byte as registered; only a loopback address registered without a port may come with any."""
        return self.redirect_uri in (uri, re.sub(r"^(http://127\.0\.0\.1):\d+/", r"\1/", uri))


@dataclass(frozen=True)
class Accounts:
    app: App
    listeners: Mapping[str, InventedListener]
    consents: Consents

    def routes(self) -> Routes:
        routes = Routes()
        routes.add("GET", "/authorize", self.show_consent_page)
        routes.add("POST", "/authorize", self.decide)
        routes.add("POST", "/api/token", self.token)
        return routes

    def show_consent_page(self, request: Request) -> Response:
        parameters = {name: values[0] for name, values in request.query.items()}
        problem = self._problem(parameters)
        if problem:
            return Response.of_text(problem, 400)
        return Response.of_text(_consent_page(parameters, self.listeners), content_type="text/html; charset=utf-8")

    def decide(self, request: Request) -> Response:
        form = _form(request)
        problem = self._problem(form) or (form.get("listener") not in self.listeners and "Unknown listener")
        if problem:
            return Response.of_text(problem, 400)
        scope = " ".join(form.get("scope", "").split())
        outcome = {"error": "access_denied"}
        if form.get("decision") == "agree":
            outcome = {"code": self.consents.issue_code(form["listener"], scope, form["redirect_uri"])}
        state = {"state": form["state"]} if "state" in form else {}
        separator = "&" if urlsplit(form["redirect_uri"]).query else "?"
        return Response(302, b"", {"Location": form["redirect_uri"] + separator + urlencode(outcome | state)})

    def _problem(self, parameters: Mapping[str, str]) -> str | None:
        """Why the consent page cannot be shown. Spotify's wording is not known for each."""
        for name in ("client_id", "response_type", "redirect_uri"):
            if not parameters.get(name):
                return f"Missing required parameter: {name}"
        if parameters["client_id"] != self.app.client_id:
            return "INVALID_CLIENT: Invalid client"
        if not self.app.may_redirect_to(parameters["redirect_uri"]):
            return "INVALID_CLIENT: Invalid redirect URI"
        if parameters["response_type"] != "code":
            return "response_type must be code"
        return None if set(parameters.get("scope", "").split()) <= {SCOPE} else "Illegal scope"

    def token(self, request: Request) -> Response:
        form = _form(request)
        client_id, _, client_secret = _basic(request.headers.get("Authorization", "")).partition(":")
        if client_id != self.app.client_id:
            raise Refusal("invalid_client")
        if client_secret != self.app.client_secret:
            raise Refusal("invalid_client_secret")
        grant_type = form.get("grant_type")
        if grant_type == "client_credentials":
            return answers.as_json(answers.token(self.consents.grant_app()))
        if grant_type == "refresh_token":
            return answers.as_json(answers.token(self.consents.refresh(form.get("refresh_token", ""))))
        if grant_type == "authorization_code":
            code, redirect_uri = form.get("code", ""), form.get("redirect_uri", "")
            return answers.as_json(answers.token(self.consents.redeem(code, redirect_uri)))
        raise Refusal("grant_type_unsupported")


def _form(request: Request) -> dict[str, str]:
    fields = parse_qs(request.body.decode(errors="replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _basic(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Invented Spotify: consent</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}}</style></head>
<body><h1>Invented Spotify</h1>
<p>This is not Spotify. An app of your own on this computer asks to read what an invented listener has played.</p>
<p>It asks for: <strong>{scope}</strong></p>
<form method="post" action="/authorize">
<p><label>Sign in as <select name="listener">{options}</select></label></p>
{hidden}
<p><button name="decision" value="agree">Agree</button> <button name="decision" value="cancel">Cancel</button></p>
</form></body></html>
"""


def _consent_page(parameters: Mapping[str, str], listeners: Mapping[str, InventedListener]) -> str:
    options = "".join(
        f'<option value="{html.escape(slug)}">{html.escape(listener.display_name)}</option>'
        for slug, listener in listeners.items()
    )
    hidden = "\n".join(
        f'<input type="hidden" name="{name}" value="{html.escape(parameters[name])}">'
        for name in ("client_id", "response_type", "redirect_uri", "scope", "state")
        if name in parameters
    )
    return _PAGE.format(
        scope=html.escape(parameters.get("scope") or "nothing but your name"), options=options, hidden=hidden
    )
