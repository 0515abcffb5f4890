"""Serves the dashboard (`streamlit run server.py`) with compression, middleware and a readiness check.

Files are sent compressed, `access/middleware.py` stands in front of Streamlit's routes, and /api/ready says whether the
settings are complete.
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
from streamlit.file_util import get_static_dir

from access.middleware import BoundDownloads, KnownAddresses, OpenRoutes, ReturnAfterSignIn, SecurityHeaders
from precompressed import AcceptedEncodings, Precompressed
from settings import Settings, SettingsError

_SCRIPT = Path(__file__).parent / "streamlit_app.py"
_COMPRESS_FROM_BYTES = 1_000
_QUALITY = 6
"""A tenth smaller than gzip for half as much time again; of the largest files the image has smaller copies."""
_WARM = ("altair", "warehouse.store", "analysis.history", "analysis.tops")
"""Modules whose import takes longest: done before the first viewer comes."""


@asynccontextmanager
async def warm_up(app: object) -> AsyncIterator[None]:
    for name in _WARM:
        importlib.import_module(name)
    yield


async def ready(request: Request) -> JSONResponse:
    """200 when the settings are complete; it calls no other service, so that a slow one does not restart this one."""
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
        Middleware(OpenRoutes),
        Middleware(KnownAddresses),
        Middleware(BoundDownloads),
        Middleware(ReturnAfterSignIn),
        Middleware(AcceptedEncodings),
        # Browsers that do not know Brotli get gzip.
        Middleware(BrotliMiddleware, quality=_QUALITY, minimum_size=_COMPRESS_FROM_BYTES),
        Middleware(Precompressed, directory=Path(get_static_dir())),
    ],
    lifespan=warm_up,
)
