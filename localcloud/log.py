"""One JSON object per line on stdout. Never a payload, a code or a token: callers pass names, numbers and states."""

import json
import sys
from collections.abc import Callable
from typing import Any

Log = Callable[..., None]
"""Called as log(message, severity=..., **fields)."""


def log(message: str, severity: str = "INFO", **fields: Any) -> None:
    print(json.dumps({"severity": severity, "message": message, **fields}), file=sys.stdout, flush=True)


def say_nothing(message: str, severity: str = "INFO", **fields: Any) -> None:
    """The log of a cloud that lives inside a test, where stdout belongs to the functions under test."""
