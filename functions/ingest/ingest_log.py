"""Log entries as Cloud Logging reads them: one JSON object per line, a constant message, the rest in fields."""

import json
import re
from typing import Any


def log(severity: str, message: str, **fields: Any) -> None:
    """Never give it a token, a secret or an e-mail address."""
    entry = {"severity": severity, "message": message, **fields}
    # One write per line, because listeners are fetched side by side; stdout as it is now, as tests replace it.
    print(json.dumps(entry, default=str) + "\n", end="", flush=True)


def without_addresses(text: str) -> str:
    """Google's errors name the account that lacks a permission, by its e-mail address."""
    return re.sub(r"\S*@\S*", "…", text)
