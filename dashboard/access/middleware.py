"""Middleware in front of Streamlit: open routes, security headers, downloads bound to a browser, the way back after
sign-in.

Streamlit serves more than this dashboard uses: uploads, its own metrics, an interface for programs. Its
downloads go to any client that knows their random address; here they are bound to the browser that requested them.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.file_util import get_static_dir

COVERS = "https://i.scdn.co https://mosaic.scdn.co"
BROWSER_COOKIE = "heavy-rotation-browser"
PLACE_COOKIE = "heavy-rotation-place"
_SIGN_IN_SECONDS = 600
_USER_COOKIE = "_streamlit_user"
"""Streamlit's own, in one or more parts: who signed in."""
_OPEN = {"/_stcore/health", "/_stcore/host-config", "/_stcore/stream"}
"""All that a page in a browser needs of Streamlit's own routes; its files lie elsewhere."""
_KEY = secrets.token_bytes(32)
_BOUND = re.compile(r"""(filename=["]|filename[*]=utf-8'')([0-9a-f]{32})~""")

_NO_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Heavy Rotation: no such page</title>
<body style="font-family:sans-serif;margin:3rem auto;max-width:40rem"><h1>There is no such page</h1>
<p>Nothing is at the address <code>{path}</code>. <a href="/">Go to the overview</a>.</p></body></html>"""


def policy() -> str:
    """Allows the page's inline scripts and no others, without `unsafe-eval`: Streamlit has Vega interpret its
    expressions instead of compiling them.
    """
    page = (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts]
    return "; ".join(
        (
            "default-src 'self'",
            # blob: is where Streamlit imports the scripts of components from.
            f"script-src 'self' blob: {' '.join(hashes)}",
            "style-src 'self' 'unsafe-inline'",
            f"img-src 'self' data: blob: {COVERS}",
            "font-src 'self' data:",
            # 'self' is the page's own host over WebSockets too: Chromium, Firefox since 2022, Safari since 15.4.
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "frame-ancestors 'none'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
        )
    )


class _Layer:
    """Shows `_on_start` the start of each answer over HTTP; the answer that it returns, if any, is sent instead."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_replaced = False

        async def checked(message: Message) -> None:
            nonlocal is_replaced
            if message["type"] == "http.response.start":
                other = self._on_start(HTTPConnection(scope), message["status"], MutableHeaders(scope=message))
                if other:
                    is_replaced = True
                    await other(scope, receive, send)
            if not is_replaced:
                await send(message)

        await self._app(scope, receive, checked if scope["type"] == "http" else send)

    def _on_start(self, connection: HTTPConnection, status: int, headers: MutableHeaders) -> Response | None:
        raise NotImplementedError


class SecurityHeaders(_Layer):
    """Adds the headers to every answer over HTTP."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._headers = {
            "content-security-policy": policy(),
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            "referrer-policy": "same-origin",  # for ReturnAfterSignIn; other hosts learn nothing
            "x-content-type-options": "nosniff",
        }

    def _on_start(self, connection: HTTPConnection, status: int, headers: MutableHeaders) -> None:
        headers.update(self._headers)


class OpenRoutes:
    """404 for Streamlit's routes that no page needs, 403 for a connection from another site's page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_open(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403
        else:
            await PlainTextResponse("Not found", 404)(scope, receive, send)

    @staticmethod
    def _is_open(scope: Scope) -> bool:
        if "_stcore" in scope["path"].split("/") and scope["path"] not in _OPEN:
            return False
        headers = HTTPConnection(scope).headers
        origin = headers.get("origin")
        return scope["type"] == "http" or origin is None or origin.partition("://")[2] == headers.get("host")


class KnownAddresses(_Layer):
    """404 with a page that says so below the first level, where Streamlit's own page finds none of its files: blank."""

    def _on_start(self, connection: HTTPConnection, status: int, headers: MutableHeaders) -> Response | None:
        path = connection.scope["path"]
        is_below = len(path.strip("/").split("/")) > 1
        if not is_below or status != 200 or not headers.get("content-type", "").startswith("text/html"):
            return None
        return HTMLResponse(_NO_PAGE.format(path=escape(path)), 404)


class BoundDownloads(_Layer):
    """A file for download goes only to the browser, and the person signed in there, that it was made for."""

    def _on_start(self, connection: HTTPConnection, status: int, headers: MutableHeaders) -> Response | None:
        _know_browser(connection, headers)
        return None if _unbind(connection, headers) else PlainTextResponse("Not found", 404)


class ReturnAfterSignIn(_Layer):
    """Signing in ends at the page and the choice that it began at; Streamlit's own way ends at the first page."""

    def _on_start(self, connection: HTTPConnection, status: int, headers: MutableHeaders) -> None:
        cookie = self._cookie(connection)
        if cookie is None:
            return
        headers.append("set-cookie", f"{cookie}; Path=/; HttpOnly; SameSite=Lax")
        place = _place(connection)
        if connection.scope["path"] == "/oauth2callback" and place:
            headers["location"] = place

    @staticmethod
    def _cookie(connection: HTTPConnection) -> str | None:
        """Set on the way to the identity provider, taken away on the way back."""
        if connection.url.path == "/oauth2callback":
            return f"{PLACE_COOKIE}=; Max-Age=0"
        page = urlsplit(connection.headers.get("referer", ""))
        if connection.url.path != "/auth/login" or page.netloc != connection.headers.get("host"):
            return None
        return f"{PLACE_COOKIE}={quote(f'{page.path}?{page.query}', safe='')}; Max-Age={_SIGN_IN_SECONDS}"


def _place(connection: HTTPConnection) -> str | None:
    """Where on this server; nothing that a browser takes for another one's address."""
    place = unquote(connection.cookies.get(PLACE_COOKIE, ""))
    return place if re.match(r"/(?![/\\\\])", place) and place.isascii() and place.isprintable() else None


def bound_name(file_name: str, cookies: Mapping[str, str]) -> str:
    """The name under which a file is handed to Streamlit: `BoundDownloads` takes the mark away again."""
    mark = _mark(cookies)
    return f"{mark}~{file_name}" if mark else file_name


def _mark(cookies: Mapping[str, str]) -> str:
    """Empty for a browser that keeps no cookies: it can read only what was made for one like it."""
    if BROWSER_COOKIE not in cookies:
        return ""
    who = [f"{name}={value}" for name, value in cookies.items() if name.startswith((BROWSER_COOKIE, _USER_COOKIE))]
    return hmac.new(_KEY, "\n".join(sorted(who)).encode(), "sha256").hexdigest()[:32]


def _unbind(connection: HTTPConnection, headers: MutableHeaders) -> bool:
    """Whether the answer may leave; the mark does not."""
    disposition = headers.get("content-disposition")
    if connection.url.path.startswith("/media/"):
        headers["cache-control"] = "no-store"
    if disposition is None:
        return True
    found = _BOUND.search(disposition)
    headers["content-disposition"] = _BOUND.sub(r"\1", disposition)
    return hmac.compare_digest(found[2] if found else "", _mark(connection.cookies))


def _know_browser(connection: HTTPConnection, headers: MutableHeaders) -> None:
    if BROWSER_COOKIE in connection.cookies or not headers.get("content-type", "").startswith("text/html"):
        return
    is_https = "https" in (connection.url.scheme, connection.headers.get("x-forwarded-proto"))
    value = f"{BROWSER_COOKIE}={secrets.token_urlsafe(16)}; Path=/; HttpOnly; SameSite=Lax"
    headers.append("set-cookie", value + ("; Secure" if is_https else ""))
