"""A caller of the invented Spotify over real HTTP, as an app would be; and listeners with habits made for a test."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from localcloud.clock import Clock
from localcloud.listeners.listeners import Habits, InventedListener, invented_listeners
from localcloud.spotify.accounts import SCOPE
from localcloud.spotify.server import REDIRECT_URI
from localcloud.web import Server
from tests.localcloud.spotify.faulty_spotify import FaultySpotify

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ONE, TWO, THREE = "listener-one", "listener-two", "listener-three"


def listener(slug: str = ONE, begins_on: date = date(2026, 9, 1), **habits: Any) -> InventedListener:
    return InventedListener(slug, "Invented Listener", "Europe/Berlin", Habits(**habits), begins_on)


class Caller:
    """What an app can do, and the clock to move."""

    def __init__(self, spotify: FaultySpotify, clock: Clock, url: str) -> None:
        self.spotify, self.clock, self.url = spotify, clock, url
        self._http = requests.Session()

    def get(self, path: str, access_token: str | None = None, **params: str) -> requests.Response:
        headers = {} if access_token is None else {"Authorization": f"Bearer {access_token}"}
        return self._http.get(self.url + path, params=params, headers=headers, timeout=10)

    def control(self, method: str, lever: str, **requested: Any) -> requests.Response:
        place = {"params": requested} if method == "GET" else {"json": requested}
        return self._http.request(method, f"{self.url}/_localcloud/{lever}", timeout=10, **place)

    def token(self, **form: str) -> requests.Response:
        app = self.spotify.app
        return self._http.post(f"{self.url}/api/token", data=form, auth=(app.client_id, app.client_secret), timeout=10)

    def refresh(self, refresh_token: str) -> requests.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def access_token(self, slug: str = ONE, scope: str = SCOPE) -> str:
        """An access token as if the listener had just agreed."""
        token: str = self.refresh(self.spotify.consent(slug, scope)["refresh_token"]).json()["access_token"]
        return token

    def app_token(self) -> str:
        token: str = self.token(grant_type="client_credentials").json()["access_token"]
        return token

    def page(self, access_token: str, **params: str) -> Any:
        return self.get("/v1/me/player/recently-played", access_token, **params).json()

    def open_consent_page(self, **changes: str | None) -> requests.Response:
        """Open the consent page; a change to None leaves the parameter out."""
        requested = {
            "client_id": self.spotify.app.client_id,
            "response_type": "code",
            "redirect_uri": REDIRECT_URI,
            "scope": SCOPE,
            "state": "a&b=c",
        } | changes
        given = {name: value for name, value in requested.items() if value is not None}
        return self._http.get(f"{self.url}/authorize", params=given, timeout=10)

    def decide(self, page: requests.Response, decision: str, slug: str = ONE) -> requests.Response:
        """Fill in the page's own form and press one of its buttons."""
        form = _Form(page.text)
        assert slug in form.options, form.options
        assert decision in form.buttons, form.buttons
        answers = form.hidden | {"listener": slug, "decision": decision}
        return self._http.request(form.method, self.url + form.action, data=answers, allow_redirects=False, timeout=10)

    def wait(self, **time: float) -> None:
        self.clock.set(self.clock.now() + timedelta(**time))


@contextmanager
def calling(listeners: Sequence[InventedListener] = (), directory: Path | None = None, **how: Any) -> Iterator[Caller]:
    """A running invented Spotify on Sunday, 22 November 2026, at noon; with three listeners by default."""
    clock = Clock()
    clock.set(NOON)
    spotify = FaultySpotify(clock, 1, listeners or invented_listeners(3), directory=directory, **how)
    server = Server("spotify", spotify.routes).start()
    try:
        yield Caller(spotify, clock, server.url)
    finally:
        server.stop()


def sent_back_with(response: requests.Response) -> dict[str, str]:
    """The parameters of a redirect to the registered address."""
    assert response.status_code == 302
    assert response.headers["Location"].startswith(f"{REDIRECT_URI}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["Location"]).query).items()}


class _Form(HTMLParser):
    """The one form of a page, as a browser would read it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.method = self.action = ""
        self.hidden: dict[str, str] = {}
        self.options: list[str] = []
        self.buttons: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.method, self.action = given["method"], given["action"]
        elif tag == "input":
            self.hidden[given["name"]] = given["value"]
        elif tag == "option":
            self.options.append(given["value"])
        elif tag == "button":
            self.buttons.append(given["value"])
