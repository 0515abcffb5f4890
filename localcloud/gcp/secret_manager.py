"""Secret Manager's REST API: secrets with labels, versions with states, payloads with checksums.

Payloads are kept in the state file, which only its owner can read, and are gone from it once destroyed.
"""

import base64
import binascii
import json
import re
import sqlite3
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import google_crc32c

from localcloud.clock import Clock
from localcloud.gcp.state import State
from localcloud.web import ApiError, Request, Response, Routes, list_page, rfc3339

_PROJECT = "/v1/projects/(?P<project>[^/]+)"
_SECRET = f"{_PROJECT}/secrets/(?P<secret>[^/:]+)"
_VERSION = f"{_SECRET}/versions/(?P<version>[^/:]+)"
_SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_LONGEST_PAYLOAD_BYTES = 65_536
_SECRET_FIELDS = {"replication", "labels", "annotations"}
_TABLES = (
    """CREATE TABLE IF NOT EXISTS secrets (
        name TEXT PRIMARY KEY, project TEXT NOT NULL, number INTEGER NOT NULL, resource TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS secret_versions (
        secret TEXT REFERENCES secrets (name), number INTEGER, resource TEXT NOT NULL, payload BLOB,
        PRIMARY KEY (secret, number))""",
)


class SecretManager:
    """`routes` is what a server serves.

    `lag`: for how long `latest` and lists do not know a new version, and lists show a destroyed one as enabled. By its
    number a version is known at once (docs.cloud.google.com/secret-manager/docs/reference/consistency).
    """

    def __init__(self, state: State, clock: Clock) -> None:
        self._state, self._clock, self.lag = state, clock, timedelta()
        state.create(*_TABLES)
        self.routes = Routes()
        add = self.routes.add
        add("POST", f"{_PROJECT}/secrets", self.create_secret)
        add("GET", f"{_PROJECT}/secrets", self.list_secrets)
        add("DELETE", _SECRET, self.delete_secret)
        add("POST", f"{_SECRET}:addVersion", self.add_version)
        add("GET", f"{_SECRET}/versions", self.list_versions)
        add("GET", f"{_VERSION}:access", self.access_version)
        add("POST", f"{_VERSION}:(?P<change>disable|destroy)", self.change_version)

    def store(self, project: str, secret: str, payload: bytes, labels: Mapping[str, str] | None = None) -> str:
        """Add a version, to a new secret if there is none; the version's name."""
        name = f"projects/{project}/secrets/{secret}"
        with self._state.transaction():
            if self._find(name) is None:
                self._insert(project, secret, {"labels": dict(labels or {}), "replication": {"automatic": {}}})
            return str(self._insert_version(name, payload, checked=True)["name"])

    def create_secret(self, request: Request) -> Response:
        return Response.of_json(self._insert(request.params["project"], request.arg("secretId") or "", request.json()))

    def _insert(self, project: str, secret: str, properties: dict[str, Any]) -> dict[str, Any]:
        for unknown in properties.keys() - _SECRET_FIELDS:
            raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate secrets.{unknown}")
        if not _SECRET_ID.fullmatch(secret):
            raise ApiError(400, "badRequest", f"The provided Secret ID [{secret}] does not match the expected format.")
        if "replication" not in properties:
            raise ApiError(400, "badRequest", "Secret.replication must be provided.")
        for key, value in properties.get("labels", {}).items():
            if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
                raise ApiError(400, "badRequest", f"The label {key}={value} does not match the expected format.")
        name = f"projects/{project}/secrets/{secret}"
        resource = {**properties, "name": name, "createTime": rfc3339(self._clock.now())}
        with self._state.transaction() as db:
            row = (name, project, self._state.next_number("secret"), json.dumps(resource))
            try:
                db.execute("INSERT INTO secrets VALUES (?, ?, ?, ?)", row)
            except sqlite3.IntegrityError:
                raise ApiError(409, "alreadyExists", f"Secret [{name}] already exists.") from None
        return resource

    def list_secrets(self, request: Request) -> Response:
        select = "SELECT resource FROM secrets WHERE project = ? ORDER BY number DESC"
        secrets = [json.loads(row["resource"]) for row in self._state.rows(select, request.params["project"])]
        return Response.of_json({"totalSize": len(secrets), **list_page("secrets", secrets, request)})

    def delete_secret(self, request: Request) -> Response:
        name = _secret_name(request)
        self._existing(name)
        with self._state.transaction() as db:
            db.execute("DELETE FROM secret_versions WHERE secret = ?", (name,))
            db.execute("DELETE FROM secrets WHERE name = ?", (name,))
        self._state.scrub()
        return Response.of_json({})

    def _find(self, name: str) -> dict[str, Any] | None:
        rows = self._state.rows("SELECT resource FROM secrets WHERE name = ?", name)
        return json.loads(rows[0]["resource"]) if rows else None

    def _existing(self, name: str) -> dict[str, Any]:
        resource = self._find(name)
        if resource is None:
            raise ApiError(404, "notFound", f"Secret [{name}] not found.")
        return resource

    def add_version(self, request: Request) -> Response:
        name = _secret_name(request)
        self._existing(name)
        content = request.json().get("payload", {})
        return Response.of_json(self._insert_version(name, _checked_payload(content), "dataCrc32c" in content))

    def _insert_version(self, secret: str, payload: bytes, checked: bool) -> dict[str, Any]:
        with self._state.transaction() as db:
            last = "SELECT coalesce(max(number), 0) AS number FROM secret_versions WHERE secret = ?"
            number = db.execute(last, (secret,)).fetchone()["number"] + 1
            resource = {
                "name": f"{secret}/versions/{number}",
                "createTime": rfc3339(self._clock.now()),
                "state": "ENABLED",
                "clientSpecifiedPayloadChecksum": checked,
            }
            row = (secret, number, json.dumps(resource), payload)
            db.execute("INSERT INTO secret_versions VALUES (?, ?, ?, ?)", row)
        return resource

    def list_versions(self, request: Request) -> Response:
        versions = self._listed(_secret_name(request))
        return Response.of_json({"totalSize": len(versions), **list_page("versions", versions, request)})

    def _listed(self, secret: str) -> list[dict[str, Any]]:
        """The newest first, as they were before the lag."""
        self._existing(secret)
        select = "SELECT resource FROM secret_versions WHERE secret = ? ORDER BY number DESC"
        versions = [json.loads(row["resource"]) for row in self._state.rows(select, secret)]
        then = rfc3339(self._clock.now() - self.lag)
        known = (version for version in versions if version["createTime"] <= then)
        return [version | ({"state": "ENABLED"} if version.get("destroyTime", "") > then else {}) for version in known]

    def access_version(self, request: Request) -> Response:
        row = self._version(_secret_name(request), request.params["version"])
        resource = json.loads(row["resource"])
        if resource["state"] != "ENABLED":
            message = f"Secret Version [{resource['name']}] is in {resource['state']} state."
            raise ApiError(400, "failedPrecondition", message, "FAILED_PRECONDITION")
        data = base64.b64encode(row["payload"]).decode()
        content = {"data": data, "dataCrc32c": str(google_crc32c.value(row["payload"]))}
        return Response.of_json({"name": resource["name"], "payload": content})

    def change_version(self, request: Request) -> Response:
        secret, change = _secret_name(request), request.params["change"]
        with self._state.transaction() as db:
            row = self._version(secret, request.params["version"])
            resource = json.loads(row["resource"])
            if resource["state"] == "DESTROYED":
                message = f"Secret Version [{resource['name']}] is in DESTROYED state."
                raise ApiError(400, "failedPrecondition", message, "FAILED_PRECONDITION")
            resource["state"] = {"disable": "DISABLED", "destroy": "DESTROYED"}[change]
            payload = row["payload"]
            if change == "destroy":
                payload, resource["destroyTime"] = None, rfc3339(self._clock.now())
            update = "UPDATE secret_versions SET resource = ?, payload = ? WHERE secret = ? AND number = ?"
            db.execute(update, (json.dumps(resource), payload, secret, row["number"]))
        if payload is None:
            self._state.scrub()
        return Response.of_json(resource)

    def _version(self, secret: str, version: str) -> sqlite3.Row:
        """`latest` is the newest version that is listed, in whatever state it is."""
        listed = self._listed(secret)
        number = listed[0]["name"].rpartition("/")[2] if version == "latest" and listed else version
        select = "SELECT * FROM secret_versions WHERE secret = ? AND CAST(number AS TEXT) = ?"
        rows = self._state.rows(select, secret, number)
        if not rows:
            raise ApiError(404, "notFound", f"Secret Version [{secret}/versions/{version}] not found.")
        return rows[0]


def _secret_name(request: Request) -> str:
    return f"projects/{request.params['project']}/secrets/{request.params['secret']}"


def _checked_payload(content: Mapping[str, Any]) -> bytes:
    """The payload to store. Raises ApiError when it was damaged on the way, without showing it."""
    try:
        payload = base64.b64decode(content.get("data", ""), validate=True)
    except binascii.Error:
        raise ApiError(400, "badRequest", "The payload is not base64") from None
    if len(payload) > _LONGEST_PAYLOAD_BYTES:
        raise ApiError(400, "badRequest", f"The payload is larger than {_LONGEST_PAYLOAD_BYTES} bytes")
    checksum = content.get("dataCrc32c")
    if checksum is not None and int(checksum) != google_crc32c.value(payload):
        raise ApiError(400, "badRequest", "The given CRC32C checksum does not match the payload.")
    return payload
