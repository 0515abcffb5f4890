"""Gets a listener's consent on Spotify's page (OAuth) and stores the refresh token.

What was stored before stays untouched until Spotify has answered this listener with the new token. The first use also
needs the app's client id and secret: typed, or two lines of standard input, or SPOTIFY_CLIENT_ID and
SPOTIFY_CLIENT_SECRET.
"""

import argparse
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from threading import Thread
from typing import Any

from cli import consent
from cli.commands.authorize import callback, spotify
from cli.commands.authorize.spotify import Account
from cli.consent import ConsentRequest
from cli.console import CliError, ask, counted, iso, print_json, say, seconds, show
from cli.place import Place
from cli.secret_store import SecretStore
from cli.warehouse import Warehouse, string
from listener_secrets import LISTENER_LABELS, days_left, end_of_consent
from spotify import App

HELP = "Ask a listener for consent on Spotify's page and store it"

_LAST_PORT = 65_535


@dataclass(frozen=True)
class Authorized:
    """What was stored, without any of it; `--json` prints it."""

    listener: str
    account_id: str
    display_name: str
    consented_at: datetime
    consent_ends_at: datetime
    destroyed_versions: int


@dataclass(frozen=True)
class Authorization:
    """Everything that is known before the browser opens."""

    place: Place
    store: SecretStore
    listener: str
    home: str
    app: App
    is_new_app: bool
    replace_account: bool

    def complete(self, request: ConsentRequest, query: Mapping[str, str]) -> Authorized:
        """Turn what came back into a stored consent. Raises CliError, and then nothing of the listener has changed."""
        code = consent.code_in(query, request)
        consented_at = self.place.now()
        tokens = spotify.redeem(self.place, self.app, code, request.redirect_uri)
        account = spotify.fetch_account(self.place, tokens.access_token)
        self._check_account(account)
        if self.is_new_app:
            spotify.keep_app(self.store, self.app)
        # What ingest reads, and for `import` each id: exports before 2023 name the older one.
        payload = {
            "refresh_token": tokens.refresh_token,
            "consented_at": iso(consented_at),
            "account_id": account.account_id,
            "account_ids": " ".join(sorted(account.ids)),
            "scope": tokens.scope,
        }
        destroyed = self.store.replace(self.home, payload, {**LISTENER_LABELS, "listener": self.listener})
        ends_at = end_of_consent(consented_at)
        return Authorized(self.listener, account.account_id, account.display_name, consented_at, ends_at, destroyed)

    def _check_account(self, account: Account) -> None:
        before = _account_id(self.store.read(self.home))
        if before and before not in account.ids and not self.replace_account:
            raise CliError(
                f"This is the account of {account.display_name}, not the one that {self.listener} had before. Nothing "
                f"was stored. Sign in to Spotify as {self.listener}, in a private window for instance, and run the "
                "command again; or, if the listener really has another account now, with --replace-account."
            )
        for listener, secret in self.store.listeners().items():
            if listener != self.listener and _account_id(self.store.read(secret)) in account.ids:
                raise CliError(
                    f"This is the account of the listener {listener}. Nothing was stored. Sign in to Spotify as "
                    f"{self.listener}, in a private window for instance, and run the command again."
                )


def port(text: str) -> int:
    """The type of an option."""
    number = int(text)
    if not 1 <= number <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a port, which is a number from 1 to {_LAST_PORT}")
    return number


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("listener", metavar="LISTENER", help="whose consent: the name it has in terraform.tfvars")
    parser.add_argument(
        "--port", type=port, default=8888, help="of 127.0.0.1, as in the app's redirect URI (%(default)s)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the page's address, open nothing")
    parser.add_argument(
        "--paste", action="store_true", help="where no browser runs: agree elsewhere, paste the address it ends at"
    )
    parser.add_argument("--new-client", action="store_true", help="ask for the app's client id and secret again")
    parser.add_argument("--replace-account", action="store_true", help="the listener has another Spotify account now")
    parser.add_argument(
        "--timeout", type=seconds, default=300, metavar="SECONDS", help="how long to wait for the page (%(default)s)"
    )


def run(options: argparse.Namespace, place: Place) -> int:
    consent.check_listener(options.listener)
    authorization = _prepare(options, place)
    request = consent.new_request(place.spotify_accounts_url, authorization.app.client_id, options.port)
    complete = partial(authorization.complete, request)
    if options.paste:
        say("Open this page in any browser, as the listener, and agree:")
        say(f"\n  {request.url}\n")
        say("The browser then shows an error, because nothing answers there: that is expected.")
        pasted = ask(f"Paste its address ({request.redirect_uri}?code=…): ")
        if not pasted.strip():
            raise CliError("No address was pasted. Nothing was stored. Run the command again.")
        _report(complete(consent.pasted_query(pasted, request)), options, place)
        return 0
    with callback.listening(options.port, partial(consent.answers, request=request)) as waiting:
        say("The listener agrees on this page, with this computer's browser:")
        say(f"\n  {request.url}\n")
        if not options.no_browser:
            # Python waits until a text browser, or that of BROWSER="chromium %s", is closed.
            Thread(target=_open, args=(request.url,), daemon=True).start()
        _report(waiting.settle(complete, options.timeout), options, place)
    return 0


def _open(url: str) -> None:
    # ValueError: BROWSER has a quotation mark without its second.
    with suppress(webbrowser.Error, OSError, ValueError):
        if webbrowser.open(url):
            return
    say("No browser could be opened. Open the page by hand, or run the command again with --paste.")


def _prepare(options: argparse.Namespace, place: Place) -> Authorization:
    store = SecretStore(place)
    home = store.home_of(options.listener)
    known = store.listeners()
    # Only on the laptop can a misspelt name come this far: in the cloud Terraform makes listeners.
    if options.listener not in known:
        others = f"known so far: {', '.join(known)}" if known else "no listener is known so far"
        say(f"{options.listener} is new here ({others}). Consent makes a new listener; Ctrl-C if the name is misspelt.")
    if _account_id(store.read(home)) is None:
        [span] = Warehouse(place).run("span_of_plays", string("listener_id", options.listener))
        if span.plays:
            say(
                f"Stored of {options.listener}: {counted(span.plays, 'play')}, the oldest of {span.oldest:%Y-%m-%d}, "
                "and no account to compare with. Another person needs another name: if this is one, press Ctrl-C."
            )
    stored = spotify.stored_app(store)
    app = stored if stored and not options.new_client else spotify.ask_for_app(consent.redirect_uri(options.port))
    # https://www.rfc-editor.org/rfc/rfc6749#section-6: a refresh token is of the client that it was given to.
    if stored and stored.client_id != app.client_id:
        rest = [name for name in known if name != options.listener and store.newest_version_at(known[name])]
        if rest:
            say(
                f"This is another app: once this consent is stored, {', '.join(rest)} must consent again as well, "
                "because a consent is for one app."
            )
    return Authorization(place, store, options.listener, home, app, app is not stored, options.replace_account)


def _account_id(payload: Mapping[str, Any] | None) -> str | None:
    value = (payload or {}).get("account_id")
    return value if isinstance(value, str) and value else None


def _report(stored: Authorized, options: argparse.Namespace, place: Place) -> None:
    if options.json:
        print_json(asdict(stored))
        return
    days = days_left(stored.consent_ends_at, stored.consented_at)
    show(f"{stored.listener}: the consent of {stored.display_name} is stored.")
    show(f"It ends on {stored.consent_ends_at:%Y-%m-%d}, in {days} days; ingest warns 30, 7 and 1 day ahead.")
    show(f"To fetch the first plays now, run {place.command('run-now')}.")
