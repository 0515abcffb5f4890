"""Waits on 127.0.0.1 for the browser to come back from Spotify.

One request matters, and the page it gets shows the result. A browser also asks for icons and opens connections on which
it sends nothing, and any program on this computer may call the address: these are answered or dropped, and the wait
goes on. Requests are served one at a time; where that is not good enough, --paste needs no server.
"""

import errno
import html
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cli.consent import CALLBACK_PATH, query_of, redirect_uri
from cli.console import CliError, say

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Connection": "close",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Heavy Rotation: {title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}}</style></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""

T = TypeVar("T")
Query = Mapping[str, str]


class Callback(HTTPServer):
    """The browser's return, at most once. `is_answer` tells it from what any other program sends."""

    def __init__(self, port: int, is_answer: Callable[[Query], bool]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._is_answer, self._has_refused = is_answer, False
        self._page_of: Callable[[Query], tuple[int, str]]

    def settle(self, work: Callable[[Query], T], seconds: float) -> T:
        """What `work` makes of the parameters that came back. Raises what it raises, and CliError after the time."""
        result, ends_at = Future[T](), monotonic() + seconds

        def page_of(query: Query) -> tuple[int, str]:
            try:
                result.set_result(work(query))
            except BaseException as error:
                result.set_exception(error)
                text = str(error) if isinstance(error, CliError) else "Something failed."
                return 400, _last_page("No consent was stored", text)
            return 200, _last_page("Thank you", "The consent is stored.")

        self._page_of = page_of
        while not result.done():
            self.timeout = ends_at - monotonic()
            if self.timeout <= 0:
                raise CliError(
                    f"Nobody came back from Spotify's page within {seconds:.0f} s. Nothing was stored. Run the command "
                    "again; where the browser is on another computer, with --paste."
                )
            self.handle_request()
        return result.result()

    def respond(self, path: str) -> tuple[int, str]:
        """Status and page for one request."""
        if urlsplit(path).path != CALLBACK_PATH:
            return 404, _page("Nothing here", "This address only waits for Spotify.")
        query = query_of(path)
        if self._is_answer(query):
            return self._page_of(query)
        if not self._has_refused:  # said once: a stranger who comes again and again does not fill the terminal
            say("Somebody came back who does not belong to this request: refused. Still waiting for the page above.")
            self._has_refused = True
        text = "This does not belong to the request that is waited for: its `state` is missing or another one."
        return 403, _page("Refused", f"{text} Nothing was stored. Use the page that the terminal shows.")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away before its page has come is none of the terminal's business."""


class _Handler(BaseHTTPRequestHandler):
    server: Callback
    timeout = 1
    """Seconds. A connection on which nothing comes holds up the others for no longer."""

    def do_GET(self) -> None:
        status, page = self.server.respond(self.path)
        body = page.encode()
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the path holds the code."""


@contextmanager
def listening(port: int, is_answer: Callable[[Query], bool]) -> Iterator[Callback]:
    """A callback that listens before anybody is sent to Spotify. Raises CliError when the port is taken."""
    try:
        callback = Callback(port, is_answer)
    except OSError as error:
        raise CliError(_port_problem(port, error)) from None
    with callback:
        yield callback


def _port_problem(port: int, error: OSError) -> str:
    if error.errno != errno.EADDRINUSE:
        return f"Port {port} of 127.0.0.1 cannot be used ({error.strerror}). Choose another one with --port."
    return (
        f"Port {port} of 127.0.0.1 is taken by another program. End that one, or choose another port with --port and "
        f"add {redirect_uri(port).replace(str(port), 'PORT')} with it to the app's redirect URIs."
    )


def _last_page(title: str, text: str) -> str:
    return _page(title, f"{text} You can close this page and go back to the terminal.")


def _page(title: str, text: str) -> str:
    return _PAGE.format(title=html.escape(title), text=html.escape(text))
