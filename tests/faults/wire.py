"""Calls without a network: what `requests` would send is handed to the server that listens there, by the same thread.

A server that is slow on purpose moves the simulated time and makes no process wait, so a storm is the same storm each
time. A caller whose time-out is over when the answer comes does not see it.
"""

import io
import math
from collections.abc import Callable, Iterable
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from localcloud import web
from localcloud.faults import Misbehaviour


class Wire:
    """`send` takes the place of HTTPAdapter's. `now` is the clock by which time-outs are judged, in seconds."""

    def __init__(self, servers: Iterable[web.Server], now: Callable[[], float]) -> None:
        self._servers = {server.url: server for server in servers}
        self._now = now
        self.before_call: Callable[[], None] = lambda: None
        """Done before each call: what happens elsewhere just then."""

    def send(
        self, adapter: HTTPAdapter, request: requests.PreparedRequest, timeout: Any = None, **how: Any
    ) -> requests.Response:
        url = urlsplit(str(request.url))
        server = self._servers.get(f"{url.scheme}://{url.netloc}")
        if server is None:
            raise requests.ConnectionError(f"Nobody listens at {url.netloc}", request=request)
        self.before_call()
        began = self._now()
        try:
            answer = server.respond(_received(request, url.path, url.query))
        except Misbehaviour:
            raise requests.ConnectionError("The connection was closed without an answer", request=request) from None
        if self._now() - began > _read_seconds(timeout):
            raise requests.ReadTimeout("No answer in time", request=request)
        return _as_requests(adapter, request, answer)


def _received(request: requests.PreparedRequest, path: str, query: str) -> web.Request:
    headers = Message()
    for name, value in request.headers.items():
        headers[name] = value.decode() if isinstance(value, bytes) else value
    return web.Request(
        str(request.method), path, parse_qs(query, keep_blank_values=True), headers, _bytes_of(request.body)
    )


def _bytes_of(body: Any) -> bytes:
    """A body as requests takes it: nothing, a text, bytes, or a file."""
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _read_seconds(timeout: Any) -> float:
    """`requests` takes one figure, or one for connecting and one for reading; without any it waits for ever."""
    seconds = timeout[1] if isinstance(timeout, tuple) else timeout
    return math.inf if seconds is None else float(seconds)


def _as_requests(adapter: HTTPAdapter, request: requests.PreparedRequest, answer: web.Response) -> requests.Response:
    raw = urllib3.HTTPResponse(
        body=io.BytesIO(answer.body),
        headers={**answer.headers, "Content-Length": str(len(answer.body))},
        status=answer.status,
        preload_content=False,
        request_method=request.method,
    )
    return adapter.build_response(request, raw)  # type: ignore[no-untyped-call]
