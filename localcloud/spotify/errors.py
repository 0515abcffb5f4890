"""Every error body of the invented Spotify, by name: its own refusals use them, and they can be ordered.

Bodies are what users of the real services reported; where the wording is not known, the entry says so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from localcloud.web import Response

Service = Literal["accounts", "api", "reccobeats"]
ENDPOINTS: Mapping[str, Service] = {
    "token": "accounts",
    "me": "api",
    "recently-played": "api",
    "audio-features": "api",
    "reccobeats": "reccobeats",
}
JSON, _TEXT, HTML = "application/json; charset=utf-8", "text/plain; charset=utf-8", "text/html; charset=utf-8"


@dataclass(frozen=True)
class ErrorAnswer:
    """One answer that is an error, and whose it is."""

    service: Service
    status: int
    body: str
    content_type: str = JSON

    def response(self, retry_after_seconds: int | str | None = None) -> Response:
        headers = {"Content-Type": self.content_type}
        if retry_after_seconds is not None:
            headers["Retry-After"] = str(retry_after_seconds)
        return Response(self.status, self.body.encode(), headers)


def _api(status: int, message: str | None = None, **more: str) -> ErrorAnswer:
    error = {"status": status} | ({} if message is None else {"message": message}) | more
    return ErrorAnswer("api", status, _compact({"error": error}))


def _token(error: str, description: str) -> ErrorAnswer:
    return ErrorAnswer("accounts", 400, _compact({"error": error, "error_description": description}))


def _reccobeats(http_status: int, code: int, message: str) -> ErrorAnswer:
    # The codes are documented; the names of the two fields are not known.
    return ErrorAnswer("reccobeats", http_status, _compact({"status": code, "error": message}))


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _nginx(title: str) -> str:
    body = f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>"
    return f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n{body}\r\n</body>\r\n</html>\r\n"


ERRORS: Mapping[str, ErrorAnswer] = {
    # accounts.spotify.com/api/token
    "invalid_grant_revoked": _token("invalid_grant", "Refresh token revoked"),
    "invalid_grant_expired": _token("invalid_grant", "Refresh token expired"),
    "invalid_grant_unknown": _token("invalid_grant", "Invalid refresh token"),
    "code_expired": _token("invalid_grant", "Authorization code expired"),
    "code_invalid": _token("invalid_grant", "Invalid authorization code"),
    "redirect_uri_differs": _token("invalid_grant", "Invalid redirect URI"),
    "invalid_client": _token("invalid_client", "Invalid client"),
    "invalid_client_secret": _token("invalid_client", "Invalid client secret"),
    "refresh_token_missing": _token("invalid_request", "refresh_token must be supplied"),
    "code_missing": _token("invalid_request", "code must be supplied"),
    "grant_type_missing": _token("unsupported_grant_type", "grant_type parameter is missing"),
    "grant_type_unsupported": _token(
        "unsupported_grant_type", "grant_type must be client_credentials, authorization_code or refresh_token"
    ),
    "token_503_html": ErrorAnswer("accounts", 503, _nginx("503 Service Temporarily Unavailable"), HTML),
    # api.spotify.com
    "not_bearer": _api(400, "Only valid bearer authentication supported"),
    "invalid_limit": _api(400, "Invalid limit"),
    "invalid_id": _api(400, "invalid id"),
    "invalid_cursor": _api(400, "Invalid cursor"),  # wording not known, nor that of both cursors at once
    "both_cursors": _api(400, "Only one of after and before may be given"),
    "too_many_ids": _api(400, "Too many ids requested"),  # wording not known
    "access_token_expired": _api(401, "The access token expired"),
    "access_token_invalid": _api(401, "Invalid access token"),
    "access_token_missing": _api(401, "No token provided"),
    "insufficient_scope": _api(403, "Insufficient client scope"),
    "not_registered_old": ErrorAnswer("api", 403, "User not registered in the Developer Dashboard", _TEXT),
    # Whether the wordings of 2025 and 2026 come as JSON or as text is not known, hence both.
    "not_registered_2025": _api(
        403, "Check settings on developer.spotify.com/dashboard, the user may not be registered."
    ),
    "not_registered_2025_text": ErrorAnswer(
        "api", 403, "Check settings on developer.spotify.com/dashboard, the user may not be registered.", _TEXT
    ),
    "not_registered_2026": _api(
        403,
        "The user is not registered for this application. "
        "Please check your settings on https://developer.spotify.com/dashboard.",
    ),
    "not_registered_2026_text": ErrorAnswer(
        "api",
        403,
        "The user is not registered for this application. "
        "Please check your settings on https://developer.spotify.com/dashboard.",
        _TEXT,
    ),
    "premium_lapsed": ErrorAnswer(
        "api",
        403,
        "Active premium subscription required for the owner of the app. When the subscription status changes, it can "
        "take a few hours before requests are allowed again.",
        _TEXT,
    ),
    "audio_features_closed": _api(403),
    "forbidden": _api(403, "Forbidden"),
    "analysis_not_found": _api(404, "analysis not found"),
    "rate_limited": _api(429, "API rate limit exceeded"),
    "rate_limited_text": ErrorAnswer("api", 429, "Too many requests", _TEXT),
    "quota_exceeded": _api(429, "Too many requests", reason="QUOTA_EXCEEDED"),
    "server_error": _api(500, "Server error."),  # wording not known
    "bad_gateway": _api(502, "Bad gateway."),
    "gateway_timeout_html": ErrorAnswer("api", 504, _nginx("504 Gateway Time-out"), HTML),
    # api.reccobeats.com
    "reccobeats_missing_parameter": _reccobeats(400, 4001, "Missing parameter"),
    "reccobeats_too_many_requests": _reccobeats(429, 4291, "Too many requests"),
    "reccobeats_server_error": _reccobeats(500, 5001, "Internal server error"),
}


class Refusal(Exception):
    """Ends the handling of a call with an error of the catalogue."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.response = ERRORS[name].response()
