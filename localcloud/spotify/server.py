"""An invented Spotify: accounts, Web API and ReccoBeats under one port, with listeners who play music every day.

`python -m localcloud.spotify.server --port 8400 --clock FILE --data DIR --seed 1` serves it until SIGTERM or Ctrl-C.
"""

import argparse
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from localcloud import processes
from localcloud.clock import Clock
from localcloud.gcp.credentials import Doorkeeper
from localcloud.listeners.listeners import InventedListener, invented_listeners
from localcloud.listeners.lives import Life
from localcloud.listeners.music import invent_catalogue
from localcloud.spotify import answers
from localcloud.spotify.accounts import SCOPE, Accounts, App
from localcloud.spotify.consents import Consents
from localcloud.spotify.web_api import Api
from localcloud.web import CONTROL, ApiError, Handler, Request, Response, Routes, Server

REDIRECT_URI = "http://127.0.0.1:8888/callback"


class Spotify:
    """Everything that is invented, and the levers to move it. `routes` serves it."""

    def __init__(
        self,
        clock: Clock,
        seed: int,
        listeners: Sequence[InventedListener],
        *,
        directory: Path | None = None,
        redirect_uri: str = REDIRECT_URI,
    ) -> None:
        """With a directory, consents and tokens outlive a restart."""
        self.clock, self.listeners = clock, {listener.slug: listener for listener in listeners}
        self.catalogue = invent_catalogue(seed)
        self.app = App(_credential(seed, "client id"), _credential(seed, "client secret"), redirect_uri)
        self.lives = {listener.slug: Life(listener, self.catalogue, seed) for listener in listeners}
        self.consents = Consents(clock, directory / "spotify.json" if directory else None)
        self.api = Api(clock, self.lives, self.catalogue, self.consents)
        self.pages = self.api.pages
        self.routes = Routes()
        self.routes.extend(Accounts(self.app, self.listeners, self.consents).routes())
        self.routes.extend(self.api.routes())
        self.routes.extend(_control_routes(self))

    def consent(self, slug: str, scope: str = SCOPE) -> dict[str, str]:
        """A fresh refresh token, as if the listener had just consented: the payload of the listener's secret."""
        consent = self.consents.agree(self._known(slug), scope)
        return {
            "refresh_token": consent.tokens[0],
            "consented_at": answers.to_text(consent.consented_at),
            "account_id": self.listeners[slug].account_id,
            "account_ids": " ".join(sorted((self.listeners[slug].account_id, self.listeners[slug].user_id))),
            "scope": consent.scope,
        }

    def revoke(self, slug: str) -> None:
        """The listener takes every consent back."""
        self.consents.revoke(self._known(slug))

    def rotate_next(self, slug: str, *, old_dies_at_once: bool = False) -> None:
        """The next refresh gives a new refresh token. The old one stays valid until the new one is first used."""
        self.consents.rotate(self._known(slug), old_dies_at_once=old_dies_at_once)

    def _known(self, slug: str) -> str:
        if slug not in self.listeners:
            raise ValueError(f"Unknown listener {slug!r}; known: {', '.join(self.listeners)}")
        return slug


def _credential(seed: int, kind: str) -> str:
    """32 hexadecimal characters, as Spotify's are; the same for the same seed."""
    return hashlib.sha256(f"invented {kind} {seed}".encode()).hexdigest()[:32]


def _control_routes(spotify: Spotify) -> Routes:
    """The levers for other processes: JSON or query in, JSON out. No part of what is imitated."""

    def describe() -> dict[str, Any]:
        slugs = [{"slug": slug} for slug in spotify.listeners]
        return {"client_id": spotify.app.client_id, "client_secret": spotify.app.client_secret, "listeners": slugs}

    def pages(listener: str) -> list[dict[str, Any]]:
        to_text = answers.to_text
        return [
            {"at": to_text(page.at), "played_at": [to_text(instant) for instant in page.played_at]}
            for page in spotify.pages.get(listener, [])
        ]

    def route(lever: Callable[..., Any]) -> Handler:
        def pull(request: Request) -> Response:
            parameters = request.json() if request.body else {name: values[0] for name, values in request.query.items()}
            try:
                return answers.as_json(lever(**parameters) or {})
            except (TypeError, ValueError) as error:
                raise ApiError(400, "invalid", str(error)) from None

        return pull

    routes = Routes()
    for method, name, lever in (
        ("GET", "app", describe),
        ("GET", "pages", pages),
        ("POST", "consent", lambda listener: spotify.consent(listener)),
        ("POST", "revoke", lambda listener: spotify.revoke(listener)),
        ("POST", "rotate", lambda listener: spotify.rotate_next(listener)),
    ):
        routes.add(method, CONTROL + name, route(lever))
    return routes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m localcloud.spotify.server", description=__doc__)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--clock", required=True, type=Path, help="file that holds the simulated time's offset")
    parser.add_argument("--data", required=True, type=Path, help="directory for consents and tokens")
    parser.add_argument("--seed", required=True, type=int, help="the same seed gives the same music and the same plays")
    parser.add_argument("--key", type=Path, help="key file of the callers that may use the levers; default: all")
    parser.add_argument("--listeners", type=int, default=3, help="how many (default: 3)")
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    listeners = invented_listeners(options.listeners)
    spotify = Spotify(Clock(options.clock), options.seed, listeners, directory=options.data)
    # The API's own paths require Spotify's tokens instead.
    check = Doorkeeper(options.key, under=CONTROL) if options.key else None
    server = Server("spotify", spotify.routes, port=options.port, check=check, longest_body_bytes=65_536).start()
    processes.until_signalled()()
    server.stop()


if __name__ == "__main__":
    main()
