"""A plug-in of detect-secrets, which runs it: tokens of Spotify and Google wherever they stand, in quotes or not."""

import re

from detect_secrets.plugins.base import RegexBasedDetector


class TokenForms(RegexBasedDetector):  # type: ignore[misc]  # detect-secrets is in an environment of its own
    """The forms of these services' real tokens; tests invent theirs in other forms."""

    secret_type = "Spotify or Google token"  # noqa: S105  # pragma: allowlist secret -- what a finding is called
    denylist = (
        re.compile(r"\b[AB]Q[A-Za-z0-9_-]{100,}"),  # Spotify's access and refresh tokens, and codes
        re.compile(r"\bBasic [A-Za-z0-9+/]{60,}={0,2}"),  # an app's id and secret, as Spotify takes them
        re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b"),  # Google: API key
        re.compile(r"\bGOCSPX-[A-Za-z0-9_-]{20,}"),  # Google: OAuth client secret
        re.compile(r"\bya29\.[A-Za-z0-9_-]{20,}"),  # Google: access token
        re.compile(r"\b1//0[A-Za-z0-9_-]{30,}"),  # Google: refresh token
    )
