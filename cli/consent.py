"""OAuth consent of a listener: the authorization URL and the callback's parameters. Makes no call.

Spotify: developer.spotify.com/documentation/web-api/tutorials/code-flow.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from cli.console import CliError, Misused
from listener_secrets import SLUG

SCOPE = "user-read-recently-played"
CALLBACK_PATH = "/callback"

_NOTHING = "Nothing was stored."


@dataclass(frozen=True)
class ConsentRequest:
    """One request to one listener. The answer with its `state` belongs to it."""

    url: str
    redirect_uri: str
    state: str = field(repr=False)


def check_listener(name: str) -> None:
    if not SLUG.fullmatch(name):
        raise Misused(
            f"{name!r} cannot be a listener's name: at most 63 lower-case letters, digits, - and _, no - or _ in front"
        )


def redirect_uri(port: int) -> str:
    """As it stands in the app's settings, byte for byte. Spotify refuses `localhost`."""
    return f"http://127.0.0.1:{port}{CALLBACK_PATH}"


def new_request(accounts_url: str, client_id: str, port: int) -> ConsentRequest:
    """`show_dialog`: without it Spotify passes over the page, and so over the moment to notice a wrong account."""
    state = secrets.token_urlsafe(32)
    query = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri(port),
        "scope": SCOPE,
        "state": state,
        "show_dialog": "true",
    }
    return ConsentRequest(f"{accounts_url}/authorize?{urlencode(query)}", query["redirect_uri"], state)


def query_of(url: str) -> dict[str, str]:
    """The parameters of a callback address."""
    return dict(parse_qsl(urlsplit(url.strip()).query, keep_blank_values=True))


def pasted_query(text: str, request: ConsentRequest) -> dict[str, str]:
    """The parameters of the address that was pasted. Raises CliError, which does not repeat it, for anything else.

    Without `http://` it counts too: some browsers copy addresses like that.
    """
    try:
        is_callback = urlsplit(text.strip()).path.endswith(CALLBACK_PATH)
    except ValueError:
        is_callback = False
    if not is_callback:
        raise CliError(
            f"What was pasted is not the address that the browser ends at after agreeing: {request.redirect_uri}"
            f"?code=…&state=… {_NOTHING} Run the command again and copy the whole line from the address bar."
        )
    return query_of(text)


def answers(query: Mapping[str, str], request: ConsentRequest) -> bool:
    """Whether this is the answer to the request, consent or not: `state` is the same."""
    return hmac.compare_digest(query.get("state", "").encode(), request.state.encode())


def code_in(query: Mapping[str, str], request: ConsentRequest) -> str:
    """The code that stands for the consent. Raises CliError when there was none, or when this answers another question.

    The state is compared first: nothing else of a foreign request is read.
    """
    if not answers(query, request):
        raise CliError(
            f"What came back does not belong to this request: its `state` is missing or another one. {_NOTHING} "
            "Run the command again and use only the page that it opens."
        )
    if "error" in query:
        denied = query["error"] == "access_denied"
        why = "the listener cancelled" if denied else f"Spotify says {query['error'][:40]!r}"
        raise CliError(f"Consent was not given: {why}. {_NOTHING} Run the command again.")
    if not query.get("code"):
        raise CliError(f"Spotify sent back no code. {_NOTHING} Run the command again.")
    return query["code"]
