"""Cloud Storage's buckets and objects: generations, a precondition, metadata, listings, the finalize event.

Contents are plain files, everything else is in the state file. An object comes into being in one step, at the
commit of its metadata: a crash before leaves nothing, a crash after is finished at the next start. What speaks
HTTP is in `api.py`.
"""

import base64
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from localcloud.clock import Clock
from localcloud.gcp.state import State
from localcloud.gcp.storage.files import (
    BUCKET_FIELDS,
    IGNORED_FIELDS,
    OBJECT_FIELDS,
    Draft,
    Drafts,
    Resource,
    bucket_path,
    check_generation,
    object_path,
    refuse_clash,
    refuse_unknown_fields,
)
from localcloud.web import ApiError, rfc3339


class Storage:
    """`on_finalize` is called for each created or overwritten object, inside the transaction that creates it."""

    def __init__(self, directory: Path, state: State, clock: Clock, on_finalize: Callable[[Resource], None]) -> None:
        self._root = directory / "buckets"
        self.drafts = Drafts(directory / "drafts")
        self._state, self._clock, self._on_finalize = state, clock, on_finalize
        self._root.mkdir(parents=True, exist_ok=True)
        state.create(
            "CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, resource TEXT NOT NULL)",
            """CREATE TABLE IF NOT EXISTS objects (bucket TEXT, name TEXT, draft TEXT NOT NULL, resource TEXT NOT NULL,
               PRIMARY KEY (bucket, name)) WITHOUT ROWID""",
        )
        for row in state.rows("SELECT bucket, name, draft FROM objects"):  # finish what a crash has left
            draft = self.drafts.directory / row["draft"]
            if draft.exists():
                _move(draft, object_path(self._root, row["bucket"], row["name"]))
        for path in self.drafts.directory.iterdir():  # left from an earlier process
            path.unlink()

    def create_bucket(self, properties: Mapping[str, Any]) -> Resource:
        refuse_unknown_fields("buckets", properties, BUCKET_FIELDS)
        name = str(properties.get("name", ""))
        path = bucket_path(self._root, name)
        now = rfc3339(self._clock.now())
        own = {"kind": "storage#bucket", "id": name, "metageneration": "1", "timeCreated": now, "updated": now}
        resource = {"location": "US", "storageClass": "STANDARD", **properties, **own}
        with self._state.transaction() as db:
            try:
                db.execute("INSERT INTO buckets VALUES (?, ?)", (name, json.dumps(resource)))
            except sqlite3.IntegrityError:
                message = "Your previous request to create the named bucket succeeded and you already own it."
                raise ApiError(409, "conflict", message) from None
            path.mkdir(exist_ok=True)
        return resource

    def get_bucket(self, name: str) -> Resource:
        rows = self._state.rows("SELECT resource FROM buckets WHERE name = ?", name)
        if not rows:
            raise ApiError(404, "notFound", "The specified bucket does not exist.")
        return _loaded(rows[0])

    def insert(
        self,
        bucket: str,
        name: str,
        draft: Draft,
        properties: Mapping[str, Any] | None = None,
        wanted_generation: int | None = None,
    ) -> Resource:
        """Create or overwrite an object from a draft, which is used up."""
        with self._state.lock:
            try:
                with self._state.transaction() as db:
                    path = object_path(self._root, bucket, name)
                    self.get_bucket(bucket)
                    check_generation(self._find(bucket, name), wanted_generation)
                    refuse_clash(self._root, path)
                    resource = self._new_resource(bucket, name, draft, properties or {})
                    row = (bucket, name, draft.path.name, json.dumps(resource))
                    db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", row)
                    self._on_finalize(resource)
            except BaseException:
                draft.path.unlink(missing_ok=True)
                raise
            # Committed; no call sees the object before its file is in place, for the lock is still held.
            _move(draft.path, path)
        return resource

    def get(
        self, bucket: str, name: str, generation: int | None = None, wanted_generation: int | None = None
    ) -> Resource:
        """The metadata. Raises ApiError 404 when another generation is live, 412 when it is not the wanted one."""
        with self._state.transaction():
            self.get_bucket(bucket)
            resource = self._find(bucket, name)
            if resource is None or generation not in (None, int(resource["generation"])):
                raise ApiError(404, "notFound", f"No such object: {bucket}/{name}")
            check_generation(resource, wanted_generation)
            return resource

    def open(
        self, bucket: str, name: str, generation: int | None = None, wanted_generation: int | None = None
    ) -> tuple[Resource, BinaryIO]:
        """Metadata and content that belong together, whatever is overwritten meanwhile."""
        with self._state.lock:
            resource = self.get(bucket, name, generation, wanted_generation)
            return resource, object_path(self._root, bucket, name).open("rb")

    def delete(
        self, bucket: str, name: str, generation: int | None = None, wanted_generation: int | None = None
    ) -> None:
        path = object_path(self._root, bucket, name)
        with self._state.lock:
            with self._state.transaction() as db:
                self.get(bucket, name, generation, wanted_generation)
                db.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", (bucket, name))
            path.unlink(missing_ok=True)
            folder = path.parent
            with suppress(OSError):  # a folder that is not empty stays
                while folder != bucket_path(self._root, bucket):
                    folder.rmdir()
                    folder = folder.parent

    def list_objects(
        self, bucket: str, prefix: str = "", token: str = "", limit: int = 1000
    ) -> tuple[list[Resource], str | None]:
        """One page and the token of the next: the last name of the page before, in base64."""
        try:
            after = base64.urlsafe_b64decode(token).decode()
        except ValueError:
            raise ApiError(400, "invalid", f"Invalid page token: {token!r}") from None
        self.get_bucket(bucket)
        select = """SELECT resource FROM objects WHERE bucket = ? AND substr(name, 1, ?) = ? AND name > ?
                    ORDER BY name LIMIT ?"""
        rows = self._state.rows(select, bucket, len(prefix), prefix, after, limit + 1)
        items = [_loaded(row) for row in rows[:limit]]
        more = len(rows) > limit
        return items, base64.urlsafe_b64encode(items[-1]["name"].encode()).decode() if more else None

    def copy(
        self,
        source: Resource,
        content: BinaryIO,
        destination: tuple[str, str],
        properties: Mapping[str, Any],
        wanted_generation: int | None = None,
    ) -> Resource:
        """A copy of an opened object; given properties replace those of the source."""
        kept = {field: source[field] for field in OBJECT_FIELDS & source.keys()}
        draft = self.drafts.write(content.read())
        return self.insert(*destination, draft, {**kept, **properties}, wanted_generation)

    def write(self, bucket: str, name: str, content: bytes) -> Resource:
        return self.insert(bucket, name, self.drafts.write(content))

    def read(self, bucket: str, name: str) -> bytes:
        _, content = self.open(bucket, name)
        with content:
            return content.read()

    def names(self, bucket: str, prefix: str = "") -> list[str]:
        return [item["name"] for item in self.list_objects(bucket, prefix)[0]]

    def read_object(self, uri: str) -> Path:
        """The file of gs://BUCKET/NAME. Raises ApiError 404, in BigQuery's words, when there is no such object."""
        bucket, name = _split(uri)
        try:
            self.get(bucket, name)
        except ApiError:
            raise ApiError(404, "notFound", f"Not found: URI {uri}") from None
        return object_path(self._root, bucket, name)

    def write_object(self, uri: str, content: Path) -> None:
        """Make gs://BUCKET/NAME hold what the file holds."""
        self.write(*_split(uri), content.read_bytes())

    def _find(self, bucket: str, name: str) -> Resource | None:
        rows = self._state.rows("SELECT resource FROM objects WHERE bucket = ? AND name = ?", bucket, name)
        return _loaded(rows[0]) if rows else None

    def _new_resource(self, bucket: str, name: str, draft: Draft, properties: Mapping[str, Any]) -> Resource:
        refuse_unknown_fields("objects", properties, OBJECT_FIELDS | IGNORED_FIELDS)
        draft.check(properties.get("crc32c"), properties.get("md5Hash"))
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
            "size": str(draft.size),
            "md5Hash": draft.md5,
            "crc32c": draft.crc32c,
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


def _move(draft: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.replace(path)
