"""HTTP under every server of the laptop cloud: requests, answers, routes, faults, instants and log lines.

Not a web framework: one thread per connection, bodies in memory, 127.0.0.1 only, and no calls from pages of other sites
in a browser. A call without a route is answered with 501 and named, so that a missing imitation is never silent.
"""

import json
import re
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from localcloud.faults import Faults, Misbehaviour

Log = Callable[..., None]
"""Called as log(message, severity=..., **fields)."""


def log(message: str, severity: str = "INFO", **fields: Any) -> None:
    """One JSON object per line on stdout. Never a payload, code or token: callers pass names, numbers and states."""
    with suppress(OSError):  # a full disk loses lines, and ends nothing
        print(json.dumps({"severity": severity, "message": message, **fields}), file=sys.stdout, flush=True)


def say_nothing(message: str, severity: str = "INFO", **fields: Any) -> None:
    """The log of a cloud inside a test, where stdout belongs to the functions under test."""


@dataclass(frozen=True)
class Request:
    """One call as it came in. `path` is still percent-encoded: object names may contain slashes."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    params: dict[str, str] = field(default_factory=dict)

    def arg(self, name: str, default: str | None = None) -> str | None:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def json(self) -> Any:
        """The body as JSON; an empty body is an empty object."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError as error:
            raise ApiError(400, "parseError", f"Parse Error: {error}") from None


@dataclass(frozen=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, value: Any, status: int = 200, **headers: str) -> "Response":
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=UTF-8", **headers})

    @classmethod
    def of_text(cls, text: str, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> "Response":
        return cls(status, text.encode(), {"Content-Type": content_type})


class ApiError(Exception):
    """An error in the form Google's APIs give it, both the old (`errors`) and the new (`status`) one."""

    def __init__(self, status: int, reason: str, message: str, rpc_status: str | None = None) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message
        self.rpc_status = rpc_status or _RPC_STATUS.get(status, "UNKNOWN")

    def response(self) -> Response:
        error = {
            "code": self.status,
            "message": self.message,
            "status": self.rpc_status,
            "errors": [{"domain": "global", "reason": self.reason, "message": self.message}],
        }
        return Response.of_json({"error": error}, self.status)


# https://cloud.google.com/apis/design/errors#handling_errors
_RPC_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}

_SHORT_BODY_BYTES = 65_536
LONGEST_BODY_BYTES = 104_857_600
"""What Google's client puts into one call of a resumable upload: nothing that this project sends is longer."""

Handler = Callable[[Request], Response]
Check = Callable[[Request], None]
"""Raises ApiError for a call that gets no answer."""

CONTROL = "/_localcloud/"
"""Where a server's own control interface is: the only calls that faults leave alone, so that they can be ended."""


class Routes:
    """A list of (method, path pattern, handler); patterns are regular expressions with named groups."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        self._routes.append((method, re.compile(pattern), handler))

    def extend(self, other: "Routes") -> None:
        self._routes.extend(other._routes)

    def answer(self, request: Request) -> Response:
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return handler(replace(request, params=match.groupdict()))
        message = f"The laptop cloud does not imitate {request.method} {request.path}"
        raise ApiError(501, "notImplemented", message)


class Server:
    """Serves `routes` under a free port of 127.0.0.1. `name` is what faults and logs call it."""

    def __init__(
        self,
        name: str,
        routes: Routes,
        faults: Faults | None = None,
        port: int = 0,
        check: Check | None = None,
        longest_body_bytes: int = LONGEST_BODY_BYTES,
    ) -> None:
        self.name, self.routes, self.faults, self._check = name, routes, faults or Faults(), check
        self.longest_body_bytes = longest_body_bytes
        self._httpd = _HTTPServer(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._httpd.server_address[1]}"

    def start(self) -> "Server":
        """Serve from a thread of this process."""
        threading.Thread(target=self._httpd.serve_forever, args=(0.05,), name=self.name, daemon=True).start()
        return self

    def stop(self) -> None:
        """Listen no more, and hang up on clients that keep their connections."""
        ending = threading.Thread(target=self._httpd.shutdown)
        ending.start()
        with suppress(OSError):  # a connection wakes the loop, which else looks every 0.05 s only
            socket.create_connection(("127.0.0.1", self._httpd.server_port)).close()
        ending.join()
        self._httpd.server_close()
        self._httpd.hang_up()

    def admit(self, request: Request) -> None:
        """Raises ApiError for a caller that gets no answer; the body is not needed, and not read yet."""
        refuse_other_sites(request, self.url)
        if self._check:
            self._check(request)

    def respond(self, request: Request) -> Response:
        """The answer to one call, faults included. Raises Misbehaviour when the connection is to be dropped."""
        if request.path.startswith(CONTROL):
            return self._work(request)
        # Faults name BigQuery, whichever other services the server has beside it.
        call = f"{'bigquery' if '/bigquery/v2/' in request.path else self.name} {request.method} {request.path}"
        fault = self.faults.before(call)
        if fault is None:
            response = self._work(request)
            fault = self.faults.after(call)
        return response if fault is None else Response(fault.status, fault.body.encode(), fault.headers)

    def _work(self, request: Request) -> Response:
        try:
            return self.routes.answer(request)
        except ApiError as error:
            return error.response()
        except Misbehaviour:
            raise
        except Exception as error:
            # A fault of the laptop cloud itself. 501, because no client tries that again for minutes.
            traceback.print_exc()
            message = f"The laptop cloud failed at {request.method} {request.path}: {type(error).__name__}: {error}"
            return ApiError(501, "internalError", message).response()


def refuse_other_sites(request: Request, own_url: str) -> None:
    """Neither a page of another site may call, nor one whose name leads to 127.0.0.1 as well."""
    own = own_url.removeprefix("http://")
    host, origin = request.headers.get("Host"), request.headers.get("Origin")
    is_own_host = host in (None, own, own.replace("127.0.0.1", "localhost"))  # None: no browser leaves it out
    is_own_page = origin in (None, f"http://{host}") and request.headers.get("Sec-Fetch-Site") != "cross-site"
    if not (is_own_host and is_own_page):
        raise ApiError(403, "forbidden", "The laptop cloud is for programs and pages of this computer only")


class _HTTPServer(ThreadingHTTPServer):
    # The default of 5 refuses connections when 32 clients arrive at once.
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], owner: Server) -> None:
        super().__init__(address, _Handler)
        self.owner = owner
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that hung up before its answer
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):  # the client was quicker
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _HTTPServer
    protocol_version = "HTTP/1.1"
    # Google's servers and clients keep connections open; without it every answer waits 40 ms for an ACK.
    disable_nagle_algorithm = True
    # Of silence, until the connection is closed: each one has a thread.
    timeout = 60.0

    def _serve(self) -> None:
        url, owner = urlsplit(self.path), self.server.owner
        query = parse_qs(url.query, keep_blank_values=True)
        request = Request(self.command, url.path, query, self.headers, b"")
        try:
            owner.admit(request)
            response = owner.respond(replace(request, body=self._body()))
        except ApiError as error:
            # A connection that is closed with a body unread may cancel the answer, so a short one is read if it comes.
            with suppress(ApiError, TimeoutError):
                self.rfile.read(_length(self.headers, _SHORT_BODY_BYTES))
            self.close_connection = True
            response = error.response()
        except Misbehaviour:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(response.status)
        for name, value in (response.headers | {"Content-Length": str(len(response.body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 -- http.server's names

    def _body(self) -> bytes:
        """Raises ApiError for one without a length that can be, or too long. No client of the project sends chunks."""
        if "Transfer-Encoding" in self.headers:
            raise ApiError(411, "lengthRequired", "The laptop cloud does not read bodies in chunks")
        return self.rfile.read(_length(self.headers, self.server.owner.longest_body_bytes))

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: each service logs what matters itself, and paths may hold codes and tokens."""


def _length(headers: Message, most: int) -> int:
    try:
        length = int(headers.get("Content-Length") or "0")
    except ValueError:
        length = -1  # would be read to the end of the connection
    if length < 0:
        raise ApiError(400, "badRequest", "The length of the body cannot be read")
    if length > most:
        raise ApiError(
            413, "uploadTooLarge", f"The body is longer than the laptop cloud reads, by {length - most} bytes"
        )
    return length


def list_page(field: str, resources: list[Any], request: Request, default_size: int = 1000) -> dict[str, Any]:
    """The part of an answer to a list call that holds one page. A token is the position where the next page starts.

    A filter is refused: Dataproc's has found nothing without an error, so no part of the project sends one.
    """
    if request.arg("filter"):
        raise ApiError(501, "notImplemented", "The laptop cloud does not imitate filters of lists")
    size, token = request.arg("pageSize") or "0", request.arg("pageToken") or "0"
    if not size.isdecimal() or not token.isdecimal():
        raise ApiError(400, "badRequest", "Invalid page size or page token")
    end = int(token) + (int(size) or default_size)
    more = {"nextPageToken": str(end)} if end < len(resources) else {}
    return {field: resources[int(token) : end], **more}


def rfc3339(instant: datetime) -> str:
    """An instant as Google's APIs write it, for example 2026-11-22T10:00:03.123456Z."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
