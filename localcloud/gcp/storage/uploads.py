"""Uploads of objects over HTTP: multipart with metadata, and resumable, whose content comes in one piece."""

import threading
import uuid
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from localcloud.gcp.storage.objects import Resource, Storage
from localcloud.web import ApiError, Request, Response


@dataclass
class Session:
    """A resumable upload under way; `resource` is set once it has become an object."""

    bucket: str
    name: str
    properties: dict[str, Any]
    wanted_generation: int | None
    lock: threading.Lock = field(default_factory=threading.Lock)
    resource: Resource | None = None


class Uploads:
    """Resumable sessions last as long as the process: after a restart their address answers 404."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._sessions: dict[str, Session] = {}

    def start(self, bucket: str, name: str, properties: dict[str, Any], wanted_generation: int | None) -> str:
        """Begin a resumable upload; returns its id."""
        self._storage.check_bucket(bucket)
        upload_id = uuid.uuid4().hex
        self._sessions[upload_id] = Session(bucket, name, properties, wanted_generation)
        return upload_id

    def put(self, upload_id: str, request: Request) -> Response:
        """The whole content, which Google's client sends up to 100 MiB; sent again, it gets the same object."""
        session = self._sessions.get(upload_id)
        if session is None:
            raise ApiError(404, "notFound", "No such upload session")
        size, given = len(request.body), request.headers.get("Content-Range")
        if given not in (None, f"bytes 0-{size - 1}/{size}"):
            raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate a piece of an upload ({given})")
        with session.lock:
            if session.resource is None:
                hashes = request.headers.get_all("X-Goog-Hash", [])
                pairs = (pair.strip().partition("=") for header in hashes for pair in header.split(","))
                fields = {"crc32c": "crc32c", "md5": "md5Hash"}
                checksums = {fields[kind]: value for kind, _, value in pairs if kind in fields}
                properties = session.properties | checksums
                session.resource = self._storage.write(
                    session.bucket, session.name, request.body, properties, session.wanted_generation
                )
            return Response.of_json(session.resource)


def split_multipart(request: Request) -> tuple[bytes, str, bytes]:
    """The metadata, the content type and the content of a multipart/related body."""
    head = b"Content-Type: " + request.headers.get("Content-Type", "").encode() + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head)
    boundary = message.get_boundary()
    if boundary is None:
        raise ApiError(400, "badRequest", "A multipart upload needs a boundary")
    # Split by hand: an e-mail parser would translate line ends inside the content.
    parts = (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())
    if len(parts) != 4 or not parts[3].startswith(b"--"):
        raise ApiError(400, "badRequest", "A multipart upload has two parts, metadata and content")
    metadata, content = (part.removeprefix(b"\r\n").split(b"\r\n\r\n", 1) for part in parts[1:3])
    content_type = BytesParser(policy=HTTP).parsebytes(content[0] + b"\r\n\r\n").get("Content-Type", "")
    return metadata[-1], str(content_type), content[-1]
