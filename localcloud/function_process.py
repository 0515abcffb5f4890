"""Serves one function in a process of its own, to the laptop cloud alone, with its simulated time.

`python -m localcloud.function_process --target load --source functions/load/main.py --port 8080 --key FILE` is
functions-framework's own server plus two steps before each request. As Cloud Run would, it refuses a call without a
token that the key has signed for this function; with `--clock FILE` the process's clock is moved to simulated time.
"""

import argparse
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

import functions_framework
import time_machine
from functions_framework._http import create_server

from localcloud.clock import Clock
from localcloud.gcp.credentials import Doorkeeper
from localcloud.web import ApiError, Request, refuse_other_sites

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

_LONGEST_BODY_BYTES = 1_048_576
"""An event has some kilobytes, a call of the schedule no body at all."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m localcloud.function_process", description=__doc__)
    parser.add_argument("--target", required=True, help="name of the entry point")
    parser.add_argument("--source", required=True, help="path of main.py")
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--key", required=True, type=Path, help="key file that admits callers")
    parser.add_argument("--clock", type=Path, help="file that holds the simulated time's offset; real time without it")
    options = parser.parse_args()
    app = functions_framework.create_app(options.target, options.source)  # type: ignore[no-untyped-call]
    if options.clock:
        app.wsgi_app = in_simulated_time(app.wsgi_app, Clock(options.clock))
    url = f"http://127.0.0.1:{options.port}"
    app.wsgi_app = behind_a_door(app.wsgi_app, Doorkeeper(options.key, function_url=url), url)
    create_server(app, debug=False).run("127.0.0.1", options.port)  # type: ignore[no-untyped-call]


def behind_a_door(app: WsgiApp, check: Callable[[Request], None], url: str) -> WsgiApp:
    """The same application, which admits only callers of the laptop cloud's stand-ins."""

    def guarded(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        headers = Message()
        for name, value in environ.items():
            if name.startswith("HTTP_"):
                headers[name.removeprefix("HTTP_").replace("_", "-")] = value
        try:
            request = Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], {}, headers, b"")
            refuse_other_sites(request, url)
            check(request)
            if environ.get("HTTP_TRANSFER_ENCODING") or int(environ.get("CONTENT_LENGTH") or 0) > _LONGEST_BODY_BYTES:
                raise ApiError(413, "uploadTooLarge", "The body is longer than any event, or its length is not given")
        except ApiError as error:
            response = error.response()
            start_response(f"{response.status} {error.rpc_status}", list(response.headers.items()))
            return [response.body]
        return app(environ, start_response)

    return guarded


def in_simulated_time(app: WsgiApp, clock: Clock) -> WsgiApp:
    """The same application, whose every request starts at the simulated instant. For one request at a time."""
    traveller: list[Any] = []

    def travelling(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not traveller:  # in the worker, not in the server process that forks it
            traveller.append(time_machine.travel(datetime.now(UTC), tick=True).start())
        real_seconds = time_machine.escape_hatch.time.time()
        traveller[0].move_to(real_seconds + clock.offset().total_seconds(), tick=True)
        return app(environ, start_response)

    return travelling


if __name__ == "__main__":
    main()
