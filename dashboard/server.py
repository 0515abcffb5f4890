"""Serves the dashboard: `streamlit run server.py`. Adds to Streamlit what it does not do itself.

Files are sent compressed, the browser is told to load nothing from elsewhere but covers, and
/api/ready says whether the settings are complete.
"""

import importlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from brotli_asgi import BrotliMiddleware
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard_settings import Settings, SettingsError

_SCRIPT = Path(__file__).parent / "streamlit_app.py"
_COMPRESS_FROM_BYTES = 1_000
_QUALITY = 6
"""A tenth smaller than gzip for half as much time again; the next steps cost the first visitor seconds."""
_WARM = ("altair", "data", "history", "tops")
"""Modules whose import takes longest: done before the first viewer comes."""

COVERS = "https://i.scdn.co https://mosaic.scdn.co"
POLICY = "; ".join(
    (
        "default-src 'self'",
        # Streamlit's page starts with an inline script, and Vega compiles its expressions.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        f"img-src 'self' data: blob: {COVERS}",
        "font-src 'self' data:",
        # 'self' is the page's own host over WebSockets too: Chromium, Firefox since 2022, Safari since 15.4.
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self'",
        "frame-ancestors 'self'",
        "object-src 'none'",
        "base-uri 'self'",
    )
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


class SecurityHeaders:
    """Adds the headers to every answer over HTTP."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


@asynccontextmanager
async def warm_up(app: object) -> AsyncIterator[None]:
    for name in _WARM:
        importlib.import_module(name)
    yield


async def ready(request: Request) -> JSONResponse:
    """200 when the settings are complete; it asks no other service, so that a slow one does not restart this one."""
    try:
        Settings.from_env(os.environ)
    except SettingsError as error:
        return JSONResponse({"ready": False, "reason": str(error)}, status_code=503)
    return JSONResponse({"ready": True})


app = st.App(
    _SCRIPT,
    routes=[Route("/api/ready", ready)],
    middleware=[
        Middleware(SecurityHeaders),
        # Browsers that do not know Brotli get gzip.
        Middleware(BrotliMiddleware, quality=_QUALITY, minimum_size=_COMPRESS_FROM_BYTES),
    ],
    lifespan=warm_up,
)
