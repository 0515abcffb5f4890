"""Filters (clauses joined by AND) and pages of Google's list calls, as far as this project sends them."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from localcloud.faults import Faults
from localcloud.web import ApiError, Request

_CLAUSE = re.compile(r'(?P<field>[a-z_]+(?:\.[a-z0-9_-]+)?)\s*(?P<operator>!=|=|:)\s*(?P<value>"[^"]*"|[^\s()"]+)')
Values = Callable[[str], str | None]
"""A resource's value for a field such as `state` or `labels.app`; None when it has none."""


def requested(request: Request, fields: Iterable[str], faults: Faults) -> Callable[[Values], bool]:
    """The predicate of a call's filter; one that nothing matches where a fault is ordered."""
    text = request.arg("filter") or ""
    matches = compiled(text, fields)
    return (lambda values: False) if text and faults.take(f"gcp filter {request.path}", "match_nothing") else matches


def compiled(text: str, fields: Iterable[str]) -> Callable[[Values], bool]:
    """A predicate for the filter. Anything but clauses about `fields` joined by AND is refused with 501."""
    clauses = [_clause(part, set(fields)) for part in re.split(r"\s+(?:AND|and)\s+", text.strip()) if part]
    return lambda values: all(
        (value := values(field)) is not None and (value != wanted if operator == "!=" else value == wanted)
        for field, operator, wanted in clauses
    )


def _clause(text: str, fields: set[str]) -> tuple[str, str, str]:
    match = _CLAUSE.fullmatch(text.strip())
    if match is None or match["field"].partition(".")[0] not in fields:
        raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate the filter {text!r}")
    return match["field"], match["operator"], match["value"].strip('"')


def page(field: str, resources: list[Any], request: Request, default_size: int = 1000) -> dict[str, Any]:
    """The part of an answer that holds one page. A token is the position where the next page starts."""
    size, token = request.arg("pageSize") or "0", request.arg("pageToken") or "0"
    if not size.isdecimal() or not token.isdecimal():
        raise ApiError(400, "badRequest", "Invalid page size or page token")
    end = int(token) + (int(size) or default_size)
    more = {"nextPageToken": str(end)} if end < len(resources) else {}
    return {field: resources[int(token) : end], **more}
