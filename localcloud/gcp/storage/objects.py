"""Cloud Storage's buckets and objects: generations, a precondition, metadata, listings, the finalize event.

A content is the file DATA/objects/GENERATION, everything else is in the state file. An object comes into being in one
step, at the commit of its metadata: what a crash leaves without an object is removed at the next start. What speaks
HTTP is in `api.py`.
"""

import base64
import hashlib
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import google_crc32c

from localcloud.clock import Clock
from localcloud.gcp.state import State
from localcloud.web import ApiError, rfc3339

Resource = dict[str, Any]

_BUCKET_FIELDS = {"name", "location", "storageClass", "labels"}
OBJECT_FIELDS = {"contentType", "metadata"}
# Fields of a request that change nothing: checked elsewhere, or the service's own.
_IGNORED_FIELDS = {
    *("kind", "id", "selfLink", "mediaLink", "name", "bucket", "generation", "metageneration", "size", "etag"),
    *("crc32c", "md5Hash", "timeCreated", "updated", "timeFinalized", "timeStorageClassUpdated"),
}
# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
# https://cloud.google.com/storage/docs/objects#naming
_LONGEST_NAME_BYTES = 1024
_NOT_IN_NAMES = re.compile("[\0\r\n]")


class Storage:
    """`on_finalize` is called for each created or overwritten object, inside the transaction that creates it."""

    def __init__(self, directory: Path, state: State, clock: Clock, on_finalize: Callable[[Resource], None]) -> None:
        self._contents = directory / "objects"
        self._state, self._clock, self._on_finalize = state, clock, on_finalize
        self._contents.mkdir(parents=True, exist_ok=True)
        state.create(
            # Nothing reads the resource, but the tables of 0.1.0 have it.
            "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, resource TEXT NOT NULL)",
            """CREATE TABLE IF NOT EXISTS stored_objects (bucket TEXT, name TEXT, resource TEXT NOT NULL,
               PRIMARY KEY (bucket, name)) WITHOUT ROWID""",
            "DROP TABLE IF EXISTS objects",
        )
        for of_0_1_0 in ("buckets", "drafts"):  # have plays, and `forget` does not look there
            shutil.rmtree(directory / of_0_1_0, ignore_errors=True)
        kept = {self._path(_loaded(row)) for row in state.rows("SELECT resource FROM stored_objects")}
        for path in set(self._contents.iterdir()) - kept:  # left from an earlier process
            path.unlink()

    def create_bucket(self, properties: Mapping[str, Any]) -> Resource:
        _refuse_unknown_fields("buckets", properties, _BUCKET_FIELDS)
        name = str(properties.get("name", ""))
        _check_bucket_name(name)
        now = rfc3339(self._clock.now())
        own = {"kind": "storage#bucket", "id": name, "metageneration": "1", "timeCreated": now, "updated": now}
        resource = {"location": "US", "storageClass": "STANDARD", **properties, **own}
        with self._state.transaction() as db:
            try:
                db.execute("INSERT INTO buckets VALUES (?, ?)", (name, json.dumps(resource)))
            except sqlite3.IntegrityError:
                message = "Your previous request to create the named bucket succeeded and you already own it."
                raise ApiError(409, "conflict", message) from None
        return resource

    def check_bucket(self, name: str) -> None:
        """Raises ApiError 404."""
        if not self._state.rows("SELECT name FROM buckets WHERE name = ?", name):
            raise ApiError(404, "notFound", "The specified bucket does not exist.")

    def write(
        self,
        bucket: str,
        name: str,
        content: bytes,
        properties: Mapping[str, Any] | None = None,
        wanted_generation: int | None = None,
    ) -> Resource:
        """Create or overwrite an object."""
        with self._state.transaction() as db:
            _check_object_name(name)
            self.check_bucket(bucket)
            replaced = self._find(bucket, name)
            _check_generation(replaced, wanted_generation)
            resource = self._new_resource(bucket, name, content, properties or {})
            self._path(resource).write_bytes(content)
            db.execute("INSERT OR REPLACE INTO stored_objects VALUES (?, ?, ?)", (bucket, name, json.dumps(resource)))
            self._on_finalize(resource)
        if replaced is not None:
            self._path(replaced).unlink(missing_ok=True)
        return resource

    def get(
        self, bucket: str, name: str, generation: int | None = None, wanted_generation: int | None = None
    ) -> Resource:
        """The metadata. Raises ApiError 404 when another generation is live, 412 when it is not the wanted one."""
        with self._state.transaction():
            self.check_bucket(bucket)
            resource = self._find(bucket, name)
            if resource is None or generation not in (None, int(resource["generation"])):
                raise ApiError(404, "notFound", f"No such object: {bucket}/{name}")
            _check_generation(resource, wanted_generation)
            return resource

    def download(
        self, bucket: str, name: str, generation: int | None = None, wanted_generation: int | None = None
    ) -> tuple[Resource, bytes]:
        """Metadata and content that belong together, whatever is overwritten meanwhile."""
        with self._state.lock:
            resource = self.get(bucket, name, generation, wanted_generation)
            return resource, self._path(resource).read_bytes()

    def delete(
        self, bucket: str, name: str, generation: int | None = None, wanted_generation: int | None = None
    ) -> None:
        with self._state.transaction() as db:
            resource = self.get(bucket, name, generation, wanted_generation)
            db.execute("DELETE FROM stored_objects WHERE bucket = ? AND name = ?", (bucket, name))
        self._path(resource).unlink(missing_ok=True)

    def list_objects(
        self, bucket: str, prefix: str = "", token: str = "", limit: int = 1000
    ) -> tuple[list[Resource], str | None]:
        """One page and the token of the next: the last name of the page before, in base64."""
        try:
            after = base64.urlsafe_b64decode(token).decode()
        except ValueError:
            raise ApiError(400, "invalid", f"Invalid page token: {token!r}") from None
        self.check_bucket(bucket)
        select = """SELECT resource FROM stored_objects WHERE bucket = ? AND substr(name, 1, ?) = ? AND name > ?
                    ORDER BY name LIMIT ?"""
        rows = self._state.rows(select, bucket, len(prefix), prefix, after, limit + 1)
        items = [_loaded(row) for row in rows[:limit]]
        more = len(rows) > limit
        return items, base64.urlsafe_b64encode(items[-1]["name"].encode()).decode() if more else None

    def read(self, bucket: str, name: str) -> bytes:
        return self.download(bucket, name)[1]

    def names(self, bucket: str) -> list[str]:
        """All of them, however many pages a listing has."""
        rows = self._state.rows("SELECT name FROM stored_objects WHERE bucket = ? ORDER BY name", bucket)
        return [row["name"] for row in rows]

    def read_object(self, uri: str) -> Path:
        """The file of gs://BUCKET/NAME. Raises ApiError 404, in BigQuery's words, when there is no such object."""
        bucket, name = _split(uri)
        try:
            return self._path(self.get(bucket, name))
        except ApiError:
            raise ApiError(404, "notFound", f"Not found: URI {uri}") from None

    def write_object(self, uri: str, content: Path) -> None:
        """Make gs://BUCKET/NAME hold what the file holds."""
        self.write(*_split(uri), content.read_bytes())

    def _find(self, bucket: str, name: str) -> Resource | None:
        rows = self._state.rows("SELECT resource FROM stored_objects WHERE bucket = ? AND name = ?", bucket, name)
        return _loaded(rows[0]) if rows else None

    def _path(self, resource: Resource) -> Path:
        return self._contents / str(resource["generation"])

    def _new_resource(self, bucket: str, name: str, content: bytes, properties: Mapping[str, Any]) -> Resource:
        _refuse_unknown_fields("objects", properties, OBJECT_FIELDS | _IGNORED_FIELDS)
        now = self._clock.now()
        generation = self._state.next_number("generation", int(now.timestamp() * 1_000_000))
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{generation}",
            "bucket": bucket,
            "name": name,
            "generation": str(generation),
            "metageneration": "1",
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            **{field: value for field, value in properties.items() if field in OBJECT_FIELDS and value is not None},
            "size": str(len(content)),
            **_checksums(content, properties),
            "etag": base64.b64encode(str(generation).encode()).decode(),
            "timeCreated": rfc3339(now),
            "updated": rfc3339(now),
            "timeStorageClassUpdated": rfc3339(now),
        }


def _loaded(row: sqlite3.Row) -> Resource:
    resource: Resource = json.loads(row["resource"])
    return resource


def _split(uri: str) -> tuple[str, str]:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return bucket, name


def _check_bucket_name(name: str) -> None:
    if not _BUCKET.fullmatch(name) or ".." in name:
        raise ApiError(400, "invalid", f"Invalid bucket name: '{name}'")


def _check_object_name(name: str) -> None:
    size = len(name.encode(errors="surrogatepass"))
    if name in ("", ".", "..") or size > _LONGEST_NAME_BYTES or _NOT_IN_NAMES.search(name):
        raise ApiError(400, "invalid", f"Invalid object name: {name!r}")


def _checksums(content: bytes, given: Mapping[str, Any]) -> dict[str, str]:
    """In base64, as the JSON API has them. Raises ApiError when the sender's is another one."""
    computed = {
        "crc32c": base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode(),
        "md5Hash": base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
    }
    for field, name in (("crc32c", "CRC32C"), ("md5Hash", "MD5 hash")):
        if given.get(field) not in (None, computed[field]):
            message = f'Provided {name} "{given[field]}" doesn\'t match calculated {name} "{computed[field]}".'
            raise ApiError(400, "invalid", message)
    return computed


def _check_generation(resource: Resource | None, wanted: int | None) -> None:
    """The precondition of a call. Generation 0: the object must not exist. None: no precondition."""
    if wanted not in (None, int(resource["generation"]) if resource else 0):
        message = "At least one of the pre-conditions you specified did not hold."
        raise ApiError(412, "conditionNotMet", message)


def _refuse_unknown_fields(what: str, properties: Mapping[str, Any], known: set[str]) -> None:
    for field in properties:
        if field not in known:
            raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate {what}.{field}")
