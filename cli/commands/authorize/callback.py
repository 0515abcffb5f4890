"""The HTTP server on 127.0.0.1 to which Spotify redirects the browser after consent (the OAuth redirect URI).

One request matters, and the page it gets shows the result. A browser also asks for icons and opens connections on which
it sends nothing, and any program on this computer may call the address: each connection has a thread of its own, so
that none holds up another, and the wait ends at its deadline whatever is open.
"""

import errno
import html
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cli.consent import CALLBACK_PATH, query_of, redirect_uri
from cli.console import CliError, announcer, duration

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

_POLL_SECONDS = 0.1
_SEND_SECONDS = 2
"""How long the browser may take to fetch the last page."""


class _Return:
    """The browser's return, and the page that it is to get: set by another thread than the one that sends it."""

    def __init__(self, query: Query) -> None:
        self.query, self.status, self.page = query, 500, ""
        self.is_answered, self.is_sent = Event(), Event()

    def answer(self, status: int, page: str) -> None:
        self.status, self.page = status, page
        self.is_answered.set()
        self.is_sent.wait(_SEND_SECONDS)


class Callback(ThreadingHTTPServer):
    """The browser's return, at most once. `is_answer` distinguishes it from what any other program sends."""

    def __init__(self, port: int, is_answer: Callable[[Query], bool]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.is_answer, self.announce = is_answer, announcer()
        self.returns, self.first = SimpleQueue[_Return](), Lock()

    def settle(self, work: Callable[[Query], T], seconds: float) -> T:
        """What `work` makes of the parameters that came back. Raises what it raises, and CliError after the time."""
        Thread(target=self.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()
        try:
            return self._settle(work, self.returns.get(timeout=seconds))
        except Empty:
            raise CliError(
                f"No browser came back from Spotify's page within {duration(seconds)}. Nothing was stored. Run the "
                "command again; where the browser is on another computer, with --paste."
            ) from None
        finally:
            self.shutdown()

    def _settle(self, work: Callable[[Query], T], back: _Return) -> T:
        try:
            result = work(back.query)
        except BaseException as error:
            text = str(error) if isinstance(error, CliError) else "Something failed."
            back.answer(400, _last_page("No consent was stored", text))
            raise
        back.answer(200, _last_page("Thank you", "The consent is stored."))
        return result

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away before its page has come is none of the terminal's business."""


class _Handler(BaseHTTPRequestHandler):
    server: Callback
    timeout = 30
    """Seconds without a byte, after which a connection and its thread end."""

    def do_GET(self) -> None:
        if urlsplit(self.path).path != CALLBACK_PATH:
            self._send(404, _page("Nothing here", "This address only waits for Spotify."))
            return
        back = _Return(query_of(self.path))
        if not self.server.is_answer(back.query):
            # Once: a program that calls again and again does not fill the terminal.
            self.server.announce(
                "A request that does not belong to this consent was refused. Still waiting for the page above."
            )
            text = "This does not belong to the request that is waited for: its `state` is missing or another one."
            self._send(403, _page("Refused", f"{text} Nothing was stored. Use the page that the terminal shows."))
            return
        if not self.server.first.acquire(blocking=False):
            self._send(409, _last_page("Once is enough", "This page was opened before: the terminal shows the result."))
            return
        self.server.returns.put(back)
        back.is_answered.wait()
        try:
            self._send(back.status, back.page)
        finally:
            back.is_sent.set()

    def _send(self, status: int, page: str) -> None:
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
    """A callback that listens before the browser is sent to Spotify. Raises CliError when the port is taken."""
    try:
        callback = Callback(port, is_answer)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            why = f"cannot be used ({error.strerror}). Choose another one with --port."
            raise CliError(f"Port {port} of 127.0.0.1 {why}") from None
        raise CliError(
            f"Port {port} of 127.0.0.1 is taken by another program. End that one, or choose another port with --port "
            f"and add {redirect_uri(port).replace(str(port), 'PORT')} with it to the app's redirect URIs."
        ) from None
    with callback:
        yield callback


def _last_page(title: str, text: str) -> str:
    return _page(title, f"{text} You can close this page and go back to the terminal.")


def _page(title: str, text: str) -> str:
    return _PAGE.format(title=html.escape(title), text=html.escape(text))
