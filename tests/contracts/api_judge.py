"""A judge of calls from outside: Google's descriptions of its APIs, which the wheel google-api-python-client carries.

with recorded_calls() as calls:
    ...                                  # whatever calls the laptop cloud in this process
assert unexplained(problems_of(calls)) == set()
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import googleapiclient
import pytest

from localcloud.gcp.storage.uploads import split_multipart
from localcloud.web import CONTROL, Request, Response, Server

Schema = dict[str, Any]

_DOCUMENTS = Path(googleapiclient.__file__).parent / "discovery_cache/documents"
_APIS = (
    *("bigquery.v2", "storage.v1", "secretmanager.v1", "pubsub.v1", "dataproc.v1"),
    *("serviceusage.v1", "cloudscheduler.v1", "run.v2", "compute.v1"),
)
_NO_GOOGLE_API = (CONTROL, "/token")
"""The laptop cloud's own interface, and OAuth's token endpoint (RFC 6749)."""
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_FORMATS = {
    "byte": re.compile(r"([A-Za-z0-9+/_-]{4})*([A-Za-z0-9+/_-]{2,3}={0,2})?"),
    "date-time": _DATE_TIME,
    "google-datetime": _DATE_TIME,
    "google-duration": re.compile(r"-?\d+(\.\d{1,9})?s"),
    "int64": re.compile(r"-?\d{1,19}"),
    "uint64": re.compile(r"\d{1,20}"),
}
_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "object": dict,
    "string": str,
}
_REQUIRED = re.compile(r"Required\.|\[Required\]")

_LOAD, _AUTHENTICATION = "configuration.load", "environmentConfig.executionConfig.authenticationConfig"
_ENUM = f"{_AUTHENTICATION}.userWorkloadAuthenticationType"
_UPLOADED = "the description speaks of loads from Cloud Storage; import's staging table brings its file along"
EXPLAINED = {
    ("bigquery.jobs.get", "query projection"): "google-cloud-bigquery asks for it at each job; BigQuery ignores it",
    ("bigquery.jobs.insert", f"request.{_LOAD}.skipLeadingRows"): (
        "google-cloud-bigquery writes this int32 as a text, which Google's JSON parser takes"
    ),
    ("bigquery.jobs.insert", f"request.{_LOAD}.sourceUris"): _UPLOADED,
    ("bigquery.jobs.insert", f"answer.{_LOAD}.sourceUris"): _UPLOADED,
    ("bigquery.jobs.get", f"answer.{_LOAD}.sourceUris"): _UPLOADED,
    ("bigquery.jobs.getQueryResults", "query formatOptions.useInt64Timestamp"): (
        "google-cloud-bigquery writes Python's True, and the service takes it"
    ),
    ("bigquery.tabledata.list", "query formatOptions.useInt64Timestamp"): "as with jobs.getQueryResults",
    ("*", "query $alt"): "the REST transports of Google's newer clients ask for json;enum-encoding=int",
    ("dataproc.projects.locations.batches.create", f"request.{_ENUM}"): "these transports write enums as numbers",
    ("dataproc.projects.locations.batches.list", f"answer.batches.{_ENUM}"): "and ask for them as numbers",
}
"""Differences that are not faults: method and place, with the reason. Nearly all are made by Google's own clients."""


class Problem(NamedTuple):
    """`method`: its id in Google's description, or the call itself where there is none."""

    method: str
    place: str
    text: str


@dataclass(frozen=True)
class Call:
    request: Request
    response: Response


@contextmanager
def recorded_calls() -> Iterator[list[Call]]:
    """Every call that a server of this process has answered since."""
    calls: list[Call] = []
    respond = Server.respond

    def recording(server: Server, request: Request) -> Response:
        response = respond(server, request)
        if server.name in ("gcp", "bigquery", "scheduler"):
            calls.append(Call(request, response))
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Server, "respond", recording)
        yield calls


def problems_of(calls: Iterable[Call]) -> set[Problem]:
    """Where a call or its answer is not as Google describes it, the explained differences included."""
    judged = (call for call in calls if not call.request.path.startswith(_NO_GOOGLE_API))
    return {problem for call in judged for problem in _judge(call)}


def unexplained(problems: Iterable[Problem]) -> set[Problem]:
    return {problem for problem in problems if not explanations(problem)}


def explanations(problem: Problem) -> set[tuple[str, str]]:
    """Which entries of EXPLAINED speak of it."""
    return {(problem.method, problem.place), ("*", problem.place)} & EXPLAINED.keys()


def method_of(request: Request) -> str | None:
    """The id of the method that a call is meant for."""
    found = _find(request)
    return found.id if found else None


class _Method:
    """One method of an API, with what its API says for all of them."""

    def __init__(self, api: Schema, method: Schema) -> None:
        self.id: str = method["id"]
        self.verb: str = method["httpMethod"]
        self.schemas: Schema = api["schemas"]
        self.request, self.answer = method.get("request"), method.get("response")
        parameters: Schema = method.get("parameters", {})
        own = {name: each for name, each in parameters.items() if each["location"] == "query"}
        self.query: Schema = {**api["parameters"], **own}
        self._path = re.compile(_pattern(f"/{api['servicePath']}{method['path']}", parameters))
        protocols = method.get("mediaUpload", {}).get("protocols", {}).values()
        self._uploads = [re.compile(_pattern(protocol["path"], parameters)) for protocol in protocols]
        self._is_download = method.get("useMediaDownloadService", False)

    def takes(self, request: Request) -> bool:
        path = request.path.removeprefix("/download") if self._is_download else request.path
        if request.method == self.verb and self._path.fullmatch(path):
            return True
        # The content of a resumable upload is put to the address that its first call returned.
        return request.method in (self.verb, "PUT") and any(path.fullmatch(request.path) for path in self._uploads)


def _pattern(path: str, parameters: Schema) -> str:
    """A regular expression of a path like /v1/{+parent}/secrets; behind a colon is a verb, never part of a name."""
    parts = re.split(r"\{\+?(\w+)\}", path)
    for place, part in enumerate(parts):
        given = parameters[part].get("pattern", "[^/]+").strip("^$").replace("[^/]", "[^/:]") if place % 2 else None
        parts[place] = re.escape(part) if given is None else f"(?:{given})"
    return "".join(parts)


@cache
def _methods() -> list[_Method]:
    apis = [json.loads((_DOCUMENTS / f"{name}.json").read_text()) for name in _APIS]
    return [_Method(api, method) for api in apis for method in _all_methods(api)]


def _all_methods(resource: Schema) -> Iterator[Schema]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from _all_methods(inner)


def _find(request: Request) -> _Method | None:
    return next((method for method in _methods() if method.takes(request)), None)


def _judge(call: Call) -> Iterator[Problem]:
    method = _find(call.request)
    if method is None:
        yield Problem(f"{call.request.method} {call.request.path}", "path", "is not a method of Google's")
        return
    checks = [_query_problems(method, call.request.query)]
    if call.request.method == method.verb and (sent := _sent(call.request)) is not None:
        checks.append(_Reader(method, "request", partly=method.request is None).read(sent, method.request))
    if call.response.status in range(200, 300) and _is_json(call.response.headers) and call.response.body:
        reader = _Reader(method, "answer", partly=bool(call.request.arg("fields")))
        checks.append(reader.read(json.loads(call.response.body), method.answer))
    for problems in checks:
        yield from (Problem(method.id, place, text) for place, text in problems)


def _sent(request: Request) -> Any:
    """What a request says in JSON; None when it says nothing, or sends a file alone."""
    kind = request.arg("uploadType")
    if not request.body or kind == "media":
        return None
    return json.loads(split_multipart(request)[0] if kind == "multipart" else request.body)


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").startswith("application/json")


_Found = Iterator[tuple[str, str]]


def _query_problems(method: _Method, query: Mapping[str, list[str]]) -> _Found:
    for name, texts in query.items():
        schema = method.query.get(name)
        if schema is None:
            yield f"query {name}", "is not a parameter of this method"
            continue
        if len(texts) > 1 and not schema.get("repeated"):
            yield f"query {name}", "is there more than once"
        for text in texts:
            yield from _text_problems(text, schema, f"query {name}")
    for name, schema in method.query.items():
        if schema.get("required") and name not in query:
            yield f"query {name}", "is required"


def _text_problems(text: str, schema: Schema, place: str) -> _Found:
    """A parameter's value as it stands in an address."""
    if schema["type"] == "boolean" and text not in ("true", "false"):
        yield place, "is not true or false"
    elif schema["type"] == "integer" and not text.lstrip("-").isdecimal():
        yield place, "is not a whole number"
    elif schema["type"] == "string":
        yield from _string_problems(text, schema, place)


def _string_problems(value: str, schema: Schema, place: str) -> _Found:
    if "enum" in schema and value not in schema["enum"]:
        yield place, f"is none of {', '.join(schema['enum'])}"
    pattern = _FORMATS.get(schema.get("format", ""))
    if pattern and not pattern.fullmatch(value):
        yield place, f"is not {schema['format']}"


def _integer_problems(value: int, schema: Schema, place: str) -> _Found:
    low, high = _BOUNDS[schema["format"]]
    if not low <= value <= high:
        yield place, f"is not {schema['format']}"


class _Reader:
    """Holds a value against a schema. `partly`: fields that are required may be missing."""

    def __init__(self, method: _Method, place: str, partly: bool) -> None:
        self._method, self._place, self._partly = method, place, partly
        self._checks: dict[str, Callable[[Any, Schema, str], _Found]] = {
            "array": self._array,
            "integer": _integer_problems,
            "object": self._object,
            "string": _string_problems,
        }

    def read(self, value: Any, schema: Schema | None) -> _Found:
        if schema is None:
            yield self._place, "is not described: this method has none"
        else:
            yield from self._value(value, schema, self._place)

    def _value(self, value: Any, schema: Schema, place: str) -> _Found:
        schema = self._method.schemas[schema["$ref"]] if "$ref" in schema else schema
        kind = schema["type"]
        if kind == "any" or (value is None and self._place == "request"):  # Google's JSON parser takes null for nothing
            return
        if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
            yield place, f"is not {kind} but {type(value).__name__}"
        elif kind in self._checks:
            yield from self._checks[kind](value, schema, place)

    def _array(self, value: Sequence[Any], schema: Schema, place: str) -> _Found:
        for item in value:
            yield from self._value(item, schema["items"], place)

    def _object(self, value: Mapping[str, Any], schema: Schema, place: str) -> _Found:
        known, other = schema.get("properties", {}), schema.get("additionalProperties")
        for name, inner in value.items():
            described = known.get(name, other)
            if described is None:
                yield f"{place}.{name}", "is not a known field"
            else:
                yield from self._value(inner, described, f"{place}.{name}")
        for name, described in known.items():
            if name not in value and self._is_required(described):
                yield f"{place}.{name}", "is required"
        yield from self._kind(value, known, place)

    def _is_required(self, described: Schema) -> bool:
        if self._partly:
            return False
        of_methods = described.get("annotations", {}).get("required", [])
        by_text = _REQUIRED.match(described.get("description", ""))
        return bool(by_text) or (self._place == "request" and self._method.id in of_methods)

    def _kind(self, value: Mapping[str, Any], known: Schema, place: str) -> _Found:
        """`kind` names the type of a resource; Google's answers always have the described one."""
        wanted = known.get("kind", {}).get("default")
        if wanted and self._place == "answer" and value.get("kind", wanted) != wanted:
            yield f"{place}.kind", f"is not {wanted}"
