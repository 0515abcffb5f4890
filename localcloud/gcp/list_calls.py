"""The filters of Google's list calls, as far as this project sends them: clauses joined by AND."""

import re
from collections.abc import Callable, Iterable

from localcloud.faults import Faults
from localcloud.web import ApiError, Request

_CLAUSE = re.compile(r'(?P<field>[a-z_]+(?:\.[a-z0-9_-]+)?)\s*(?P<operator>!=|=|:)\s*(?P<value>"[^"]*"|[^\s()"]+)')
Values = Callable[[str], str | None]
"""A resource's value for a field such as `state` or `labels.app`; None when it has none."""


def requested(request: Request, fields: Iterable[str], faults: Faults) -> Callable[[Values], bool]:
    """The predicate of a call's filter; one that nothing matches where a fault is ordered."""
    text = request.arg("filter") or ""
    matches = compiled(text, fields)
    return (lambda values: False) if text and faults.empties_filter(f"gcp filter {request.path}") else matches


def compiled(text: str, fields: Iterable[str]) -> Callable[[Values], bool]:
    """A predicate for the filter. Anything but clauses about `fields` joined by AND is refused with 501."""
    clauses = [_clause(part, set(fields)) for part in re.split(r"\s+(?:AND|and)\s+", text.strip()) if part]
    return lambda values: all(_holds(values(field), operator, wanted) for field, operator, wanted in clauses)


def _clause(text: str, fields: set[str]) -> tuple[str, str, str]:
    match = _CLAUSE.fullmatch(text.strip())
    if match is None or match["field"].partition(".")[0] not in fields:
        raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate the filter {text!r}")
    return match["field"], match["operator"], match["value"].strip('"')


def _holds(value: str | None, operator: str, wanted: str) -> bool:
    return value is not None and (value != wanted if operator == "!=" else value == wanted)
