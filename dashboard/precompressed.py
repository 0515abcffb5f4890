"""Streamlit's scripts and styles, compressed once: where the image is built, by `python precompressed.py`.

The last tenth that Brotli saves takes seconds: too long for a first visitor, little for a build.
"""

import re
from pathlib import Path

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.file_util import get_static_dir

_REFUSED = re.compile(r";\s*q=0(\.0*)?\s*$", re.IGNORECASE)


def compress(directory: Path) -> None:
    """Puts a compressed copy beside each script and style that has none."""
    for path in [*directory.rglob("*.js"), *directory.rglob("*.css")]:
        copy = path.with_name(f"{path.name}.br")
        if not copy.exists():
            copy.write_bytes(brotli.compress(path.read_bytes(), mode=brotli.MODE_TEXT))


class AcceptedEncodings:
    """Leaves the names of what the browser takes in Accept-Encoding, for the next ones, which only look for a name.

    Of a request for a part it leaves none: the part's bytes are counted in the file as it is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = MutableHeaders(raw=list(scope.get("headers", ())))
        codings = [] if "range" in headers else ",".join(headers.getlist("accept-encoding")).lower().split(",")
        names = [coding.partition(";")[0].strip() for coding in codings if not _REFUSED.search(coding)]
        headers["accept-encoding"] = ", ".join(names)
        await self._app({**scope, "headers": headers.raw}, receive, send)


class Precompressed:
    """Sends the copy where there is one and the browser knows Brotli."""

    def __init__(self, app: ASGIApp, directory: Path) -> None:
        self._app = app
        self._copies = {f"/{copy.relative_to(directory).as_posix()}" for copy in directory.rglob("*.br")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_as_brotli(message: Message) -> None:
            # A refusal (405, 416) has a text of its own.
            if message["type"] == "http.response.start" and message["status"] < 400:
                headers = MutableHeaders(scope=message)
                headers["content-encoding"] = "br"
                headers.add_vary_header("accept-encoding")
            await send(message)

        copy = f"{scope.get('path')}.br"
        if copy in self._copies and "br" in Headers(scope=scope).get("accept-encoding", ""):
            await self._app({**scope, "path": copy}, receive, send_as_brotli)
        else:
            await self._app(scope, receive, send)


if __name__ == "__main__":
    compress(Path(get_static_dir()))
