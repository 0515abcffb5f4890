"""An invented Spotify: accounts, Web API and ReccoBeats under one port, with listeners who have a life.

`python -m localcloud.spotify.server --port 8400 --clock FILE --data DIR --seed 1` serves it until it is told to stop.
"""

import argparse
import hashlib
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from localcloud.clock import Clock
from localcloud.gcp.credentials import Doorkeeper
from localcloud.listeners.listeners import InventedListener, invented_listeners
from localcloud.listeners.lives import Life, Play
from localcloud.listeners.music import invent_catalogue
from localcloud.spotify import answers
from localcloud.spotify.accounts import Accounts, App
from localcloud.spotify.consents import Consents, Rotation
from localcloud.spotify.errors import ERRORS
from localcloud.spotify.faults import MISBEHAVIOURS, Order, Orders
from localcloud.spotify.web_api import Api
from localcloud.web import CONTROL, ApiError, Request, Response, Routes, Server

REDIRECT_URI = "http://127.0.0.1:8888/callback"
SCOPE = "user-read-recently-played"
RECCOBEATS_PATH = "/reccobeats"


class Spotify:
    """Everything that is invented, and the levers to move it. `routes` serves it; RECCOBEATS_PATH is its prefix."""

    def __init__(
        self,
        clock: Clock,
        seed: int,
        listeners: Sequence[InventedListener],
        *,
        directory: Path | None = None,
        redirect_uris: Sequence[str] = (REDIRECT_URI,),
        extended: bool = False,
        audio_features_open: bool = False,
    ) -> None:
        """With a directory, consents and tokens outlive a restart."""
        self.clock, self.listeners = clock, {listener.slug: listener for listener in listeners}
        self.catalogue = invent_catalogue(seed)
        self.app = App(_credential(seed, "client id"), _credential(seed, "client secret"), tuple(redirect_uris))
        self.lives = {listener.slug: Life(listener, self.catalogue, seed) for listener in listeners}
        self.orders = Orders()
        self.consents = Consents(clock, directory / "spotify.json" if directory else None)
        accounts = Accounts(self.app, self.listeners, self.consents, self.orders, clock)
        api = Api(clock, self.lives, self.catalogue, self.consents, self.orders, extended, audio_features_open)
        self.pages = api.pages
        self.routes = Routes()
        self.routes.extend(accounts.routes())
        self.routes.extend(api.routes())
        self.routes.extend(_control_routes(self))

    def consent(self, slug: str, scope: str = SCOPE) -> dict[str, str]:
        """A fresh refresh token, as if the listener had just agreed: the payload of the listener's secret."""
        consent = self.consents.agree(self._known(slug), scope)
        return {
            "refresh_token": consent.tokens[0],
            "consented_at": answers.to_text(consent.consented_at),
            "account_id": self.listeners[slug].account_id,
            "scope": consent.scope,
        }

    def revoke(self, slug: str) -> None:
        """The listener takes every consent back."""
        self.consents.revoke(self._known(slug))

    def rotate_next(self, slug: str, *, old_dies_at_once: bool = False) -> None:
        """The next refresh brings a new refresh token. The old one stays good until the new one is first used."""
        self.consents.rotate(self._known(slug), Rotation(next=True, old_dies_at_once=old_dies_at_once))

    def rotate_every(self, slug: str, refreshes: int, *, old_dies_at_once: bool = False) -> None:
        self.consents.rotate(self._known(slug), Rotation(every=refreshes, old_dies_at_once=old_dies_at_once))

    def order(self, name: str, **details: Any) -> None:
        """Have something go wrong; see `faults.Order` for the details. Raises ValueError for unknown words."""
        order = Order(name, **details)
        if order.listener is not None:
            self._known(order.listener)
        self.orders.place(order)

    def truth(self, slug: str, since: datetime, until: datetime) -> list[Play]:
        """What really was, or will be, played from `since` up to, but not including, `until`; the oldest first."""
        return self.lives[self._known(slug)].between(since, until)

    def visible(self, slug: str, at: datetime, since: datetime | None = None) -> list[Play]:
        """Every play so far, or since an instant, that Spotify has learned of at another; the oldest first."""
        life = self.lives[self._known(slug)]
        return [play for play in life.between(since or life.begins_at, at) if play.is_visible(at)]

    def window(self, slug: str, at: datetime) -> list[Play]:
        """The newest 50 of them, the newest first: all that anybody who asks at that instant can get."""
        return self.lives[self._known(slug)].newest(at)

    def _known(self, slug: str) -> str:
        if slug not in self.listeners:
            raise ValueError(f"Unknown listener {slug!r}; known: {', '.join(self.listeners)}")
        return slug


def _credential(seed: int, kind: str) -> str:
    """32 hexadecimal characters, as Spotify's are; the same for the same seed."""
    return hashlib.sha256(f"invented {kind} {seed}".encode()).hexdigest()[:32]


def _control_routes(spotify: Spotify) -> Routes:
    """The levers for other processes: JSON or query in, JSON out. No part of what is imitated."""
    levers: Mapping[tuple[str, str], Callable[..., Any]] = {
        ("GET", "app"): partial(_describe, spotify),
        ("POST", "consent"): lambda listener, scope=SCOPE: spotify.consent(listener, scope),
        ("POST", "revoke"): lambda listener: spotify.revoke(listener),
        ("POST", "rotate"): partial(_rotate, spotify),
        ("GET", "errors"): lambda: {"known": [*ERRORS, *MISBEHAVIOURS], "pending": spotify.orders.pending()},
        ("POST", "errors"): spotify.order,
        ("DELETE", "errors"): spotify.orders.clear,
        ("GET", "truth"): lambda listener, since, until: spotify.truth(listener, _instant(since), _instant(until)),
        ("GET", "visible"): lambda listener, at, since: spotify.visible(listener, _instant(at), _instant(since)),
        ("GET", "pages"): lambda listener: list(spotify.pages.get(listener, [])),
        ("GET", "window"): lambda listener, at: spotify.window(listener, _instant(at)),
    }
    routes = Routes()
    for (method, name), lever in levers.items():
        routes.add(method, CONTROL + name, partial(_pull, lever))
    return routes


def _pull(lever: Callable[..., Any], request: Request) -> Response:
    """The lever's parameters are the fields of the JSON body, or of the query; its answer is the body."""
    asked = request.json() if request.body else {name: values[0] for name, values in request.query.items()}
    try:
        answer = lever(**asked)
    except (TypeError, ValueError) as error:
        raise ApiError(400, "invalid", str(error)) from None
    return answers.as_json(answers.facts({} if answer is None else answer))


def _describe(spotify: Spotify) -> dict[str, Any]:
    app = spotify.app
    listeners = [
        {"slug": one.slug, "display_name": one.display_name, "account_id": one.account_id, "time_zone": one.time_zone}
        for one in spotify.listeners.values()
    ]
    return {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "redirect_uris": app.redirect_uris,
        "listeners": listeners,
    }


def _rotate(spotify: Spotify, listener: str, every: int | None = None, old_dies_at_once: bool = False) -> None:
    if every is None:
        spotify.rotate_next(listener, old_dies_at_once=old_dies_at_once)
    else:
        spotify.rotate_every(listener, every, old_dies_at_once=old_dies_at_once)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} lacks a time zone")
    return instant


def main() -> None:
    options = _options()
    options.data.mkdir(parents=True, exist_ok=True)
    spotify = Spotify(
        Clock(options.clock),
        options.seed,
        invented_listeners(options.listeners),
        directory=options.data,
        extended=options.extended,
        audio_features_open=options.audio_features_open,
    )
    # Of the rest Spotify's own tokens are asked for.
    check = Doorkeeper(options.key, under=CONTROL) if options.key else None
    server = Server("spotify", spotify.routes, port=options.port, check=check).start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    server.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud.spotify.server", description=__doc__)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--clock", required=True, type=Path, help="file that holds the simulated time's offset")
    parser.add_argument("--data", required=True, type=Path, help="directory for consents and tokens")
    parser.add_argument("--seed", required=True, type=int, help="the same seed gives the same music and the same lives")
    parser.add_argument("--key", type=Path, help="key file of who may use the levers; without it everybody")
    parser.add_argument("--listeners", type=int, default=3, help="how many (default: 3)")
    parser.add_argument("--extended", action="store_true", help="answer in the shape of extended quota mode")
    parser.add_argument("--audio-features-open", action="store_true", help="answer audio-features instead of 403")
    return parser.parse_args()


if __name__ == "__main__":
    main()
