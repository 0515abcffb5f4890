"""The errors that the invented Spotify and ReccoBeats answer with, by name.

Bodies are what users of the real services reported; where the wording is not known, the entry says so.
"""

import json
from collections.abc import Mapping

from localcloud.web import ApiError, Response

JSON = "application/json; charset=utf-8"


def api_error(status: int, message: str | None = None, **more: str) -> Response:
    return _error(status, {"error": {"status": status} | ({} if message is None else {"message": message}) | more})


def token_error(error: str, description: str) -> Response:
    return _error(400, {"error": error, "error_description": description})


def reccobeats_error(status: int, code: int, message: str) -> Response:
    # The codes are documented; the names of the two fields are not known.
    return _error(status, {"status": code, "error": message})


def _error(status: int, body: Mapping[str, object]) -> Response:
    return Response.of_text(json.dumps(body, separators=(",", ":")), status, JSON)


ERRORS: Mapping[str, Response] = {
    # accounts.spotify.com/api/token
    "invalid_grant_revoked": token_error("invalid_grant", "Refresh token revoked"),
    "invalid_grant_expired": token_error("invalid_grant", "Refresh token expired"),
    "invalid_grant_unknown": token_error("invalid_grant", "Invalid refresh token"),
    "code_expired": token_error("invalid_grant", "Authorization code expired"),
    "code_invalid": token_error("invalid_grant", "Invalid authorization code"),
    "redirect_uri_differs": token_error("invalid_grant", "Invalid redirect URI"),
    "invalid_client": token_error("invalid_client", "Invalid client"),
    "invalid_client_secret": token_error("invalid_client", "Invalid client secret"),
    "grant_type_unsupported": token_error(
        "unsupported_grant_type", "grant_type must be client_credentials, authorization_code or refresh_token"
    ),
    # api.spotify.com
    "not_bearer": api_error(400, "Only valid bearer authentication supported"),
    "invalid_limit": api_error(400, "Invalid limit"),
    "access_token_expired": api_error(401, "The access token expired"),
    "access_token_invalid": api_error(401, "Invalid access token"),
    "access_token_missing": api_error(401, "No token provided"),
    "insufficient_scope": api_error(403, "Insufficient client scope"),
    "audio_features_closed": api_error(403),
    # api.reccobeats.com
    "reccobeats_missing_parameter": reccobeats_error(400, 4001, "Missing parameter"),
}


class Refusal(ApiError):
    """Ends the handling of a call with one of these errors."""

    def __init__(self, name: str) -> None:
        super().__init__(ERRORS[name].status, name, name)

    def response(self) -> Response:
        return ERRORS[self.reason]
