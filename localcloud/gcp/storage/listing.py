"""One page of a bucket's listing: a pure function of names, prefix, delimiter and page token."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.web import ApiError


@dataclass(frozen=True)
class Page:
    items: list[dict[str, Any]]
    prefixes: list[str]
    next_token: str | None


def page(objects: Mapping[str, str], prefix: str, delimiter: str, token: str, limit: int) -> Page:
    """`objects`: names that start with the prefix, in order, with their resources as JSON.

    Names that share everything up to a delimiter after the prefix appear once, as a prefix. The token is the
    last entry of the page before.
    """
    after = _decoded(token)
    entries = dict.fromkeys(_entry(name, prefix, delimiter) for name in objects)
    rest = [entry for entry in entries if entry > after]
    shown = rest[:limit]
    more = len(rest) > limit
    return Page(
        items=[json.loads(objects[entry]) for entry in shown if not _is_prefix(entry, prefix, delimiter)],
        prefixes=[entry for entry in shown if _is_prefix(entry, prefix, delimiter)],
        next_token=base64.urlsafe_b64encode(shown[-1].encode()).decode() if more else None,
    )


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        raise ApiError(400, "invalid", f"Invalid page token: {token!r}") from None


def _entry(name: str, prefix: str, delimiter: str) -> str:
    if not delimiter or delimiter not in name[len(prefix) :]:
        return name
    return name[: name.index(delimiter, len(prefix)) + len(delimiter)]


def _is_prefix(entry: str, prefix: str, delimiter: str) -> bool:
    return bool(delimiter) and delimiter in entry[len(prefix) :]
