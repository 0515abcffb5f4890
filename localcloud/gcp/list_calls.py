"""Filters (clauses joined by AND) and pages of Google's list calls, as far as this project sends them."""

import re
from collections.abc import Callable
from typing import Any

from localcloud.faults import Faults
from localcloud.web import ApiError, Request

_CLAUSE = re.compile(r'(?P<field>[a-z_]+(?:\.[a-z0-9_-]+)?)\s*(?P<operator>!=|=|:)\s*(?P<value>"[^"]*"|[^\s()"]+)')


def requested(request: Request, fields: set[str], faults: Faults) -> Callable[[dict[str, Any]], bool]:
    """The predicate of a call's filter for resources; one that nothing matches where a fault is ordered.

    Anything but clauses about `fields` joined by AND is refused with 501.
    """
    text = request.arg("filter") or ""
    clauses = []
    for clause in re.split(r"\s+(?:AND|and)\s+", text.strip()) if text else ():
        match = _CLAUSE.fullmatch(clause)
        if match is None or match["field"].partition(".")[0] not in fields:
            raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate the filter {clause!r}")
        clauses.append((match["field"], match["operator"], match["value"].strip('"')))
    if text and faults.take(f"gcp filter {request.path}", "match_nothing"):
        return lambda resource: False
    return lambda resource: all(
        (value := _value(resource, field)) is not None and (value == wanted) == (operator != "!=")
        for field, operator, wanted in clauses
    )


def _value(resource: dict[str, Any], field: str) -> Any:
    """Of a field such as `state` or `labels.app`; None when the resource has none."""
    name, _, label = field.partition(".")
    return resource.get(name, {}).get(label) if label else resource.get(name)


def page(field: str, resources: list[Any], request: Request, default_size: int = 1000) -> dict[str, Any]:
    """The part of an answer that holds one page. A token is the position where the next page starts."""
    size, token = request.arg("pageSize") or "0", request.arg("pageToken") or "0"
    if not size.isdecimal() or not token.isdecimal():
        raise ApiError(400, "badRequest", "Invalid page size or page token")
    end = int(token) + (int(size) or default_size)
    more = {"nextPageToken": str(end)} if end < len(resources) else {}
    return {field: resources[int(token) : end], **more}
