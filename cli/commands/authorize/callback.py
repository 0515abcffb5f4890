"""Waits on 127.0.0.1 for the browser to come back from Spotify.

One request matters, and the page it gets tells how it went. A browser also asks for icons and opens connections on
which it says nothing, and anybody on this computer may ask for the address: none of them holds anything up.
"""

import errno
import html
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cli.consent import CALLBACK_PATH, query_of, redirect_uri
from cli.console import CliError, say

_ANSWER_SECONDS = 120.0
"""How long a browser is kept waiting for its page: longer than everything that happens meanwhile."""

_OTHERS = {403, 404, 409}
"""The status of pages for everybody but the one who is waited for."""

T = TypeVar("T")
Query = Mapping[str, str]


class Callback:
    """The browser's return, at most once."""

    def __init__(self, port: int, is_answer: Callable[[Query], bool]) -> None:
        """`is_answer` tells the return that is waited for from what anybody else sends."""
        self._is_answer = is_answer
        self._arrived: Queue[Query] = Queue()
        self._pages: Queue[tuple[int, str]] = Queue()
        self._is_answered = threading.Event()
        self._first, self._first_stranger = threading.Lock(), threading.Lock()
        self.server = _Server(("127.0.0.1", port), _handler_class(self))

    def settle(self, work: Callable[[Query], T], seconds: float) -> T:
        """What `work` makes of the parameters that came back. Raises what it raises, and CliError after the time."""
        try:
            query = self._arrived.get(timeout=seconds)
        except Empty:
            raise CliError(
                f"Nobody came back from Spotify's page within {seconds:.0f} s. Nothing was stored. Run the command "
                "again; where the browser is on another computer, with --paste."
            ) from None
        try:
            result = work(query)
        except BaseException as error:
            self._answer(
                400, "No consent was stored", str(error) if isinstance(error, CliError) else "Something failed."
            )
            raise
        self._answer(200, "Thank you", "The consent is stored.")
        return result

    def respond(self, path: str) -> tuple[int, str]:
        """Status and page for one request of the browser; waits until it is known how it went."""
        if urlsplit(path).path != CALLBACK_PATH:
            return 404, _page("Nothing here", "This address only waits for Spotify.")
        query = query_of(path)
        if not self._is_answer(query):
            return self._refuse()
        if not self._first.acquire(blocking=False):
            return 409, _page("Already answered", "The terminal tells how it went.")
        self._arrived.put(query)
        try:
            return self._pages.get(timeout=_ANSWER_SECONDS)
        except Empty:
            return 504, _page("Still at it", "The terminal tells how it goes.")

    def sent(self, status: int) -> None:
        """A page has left, or nobody was there to take it; strays and repetitions do not matter."""
        if status not in _OTHERS:
            self._is_answered.set()

    def _refuse(self) -> tuple[int, str]:
        """Said in the terminal once: a stranger who comes again and again does not fill it."""
        if self._first_stranger.acquire(blocking=False):
            say("Somebody came back who does not belong to this request: refused. Still waiting for the page above.")
        text = "This does not belong to the request that is waited for: its `state` is missing or another one."
        return 403, _page("Refused", f"{text} Nothing was stored. Use the page that the terminal shows.")

    def _answer(self, status: int, title: str, text: str) -> None:
        self._pages.put((status, _page(title, f"{text} You can close this page and go back to the terminal.")))
        self._is_answered.wait(timeout=5)  # a browser that has gone away is not waited for


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away before its page has come is none of the terminal's business."""


@contextmanager
def listening(port: int, is_answer: Callable[[Query], bool]) -> Iterator[Callback]:
    """A callback that is ready before anybody is sent to Spotify. Raises CliError when the port is taken."""
    try:
        callback = Callback(port, is_answer)
    except OSError as error:
        raise CliError(_port_problem(port, error)) from None
    thread = threading.Thread(target=callback.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield callback
    finally:
        callback.server.shutdown()
        callback.server.server_close()


def _port_problem(port: int, error: OSError) -> str:
    if error.errno != errno.EADDRINUSE:
        return f"Port {port} of 127.0.0.1 cannot be used ({error.strerror}). Choose another one with --port."
    return (
        f"Port {port} of 127.0.0.1 is taken by another program. End that one, or choose another port with --port and "
        f"add {redirect_uri(port).replace(str(port), 'PORT')} with it to the app's redirect URIs."
    )


def _handler_class(callback: Callback) -> type[BaseHTTPRequestHandler]:
    class HttpHandler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            status, page = callback.respond(self.path)
            try:
                self._send(status, page.encode())
            finally:
                callback.sent(status)

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            for name, value in _headers(len(body)).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the path holds the code."""

    return HttpHandler


def _headers(length: int) -> dict[str, str]:
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(length),
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


def _page(title: str, text: str) -> str:
    return _PAGE.format(title=html.escape(title), text=html.escape(text))
