"""Serves one function in a process of its own, with the laptop cloud's simulated time.

`python -m localcloud.function_process --target load --source functions/load/main.py --signature-type cloudevent
--port 8080 --clock FILE` is functions-framework's own server plus one step before each request: the process's
clock is moved to simulated time. Without simulated time the plain `functions-framework` command is used instead.
"""

import argparse
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import functions_framework
import time_machine
from functions_framework._http import create_server

from localcloud.clock import Clock

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def main() -> None:
    options = _options()
    app = functions_framework.create_app(  # type: ignore[no-untyped-call]
        options.target, options.source, options.signature_type
    )
    app.wsgi_app = in_simulated_time(app.wsgi_app, Clock(options.clock))
    create_server(app, debug=False).run("127.0.0.1", options.port)  # type: ignore[no-untyped-call]


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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localcloud.function_process", description=__doc__)
    parser.add_argument("--target", required=True, help="name of the entry point")
    parser.add_argument("--source", required=True, help="path of main.py")
    parser.add_argument("--signature-type", required=True, choices=["http", "cloudevent"])
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--clock", required=True, type=Path, help="file that holds the simulated time's offset")
    return parser.parse_args()


if __name__ == "__main__":
    main()
