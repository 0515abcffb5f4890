"""Uploads of objects over HTTP: multipart with metadata, and resumable in pieces."""

import re
import threading
import uuid
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

from localcloud.gcp.storage.files import Resource, described
from localcloud.gcp.storage.objects import Storage
from localcloud.web import ApiError, Request, Response

_CONTENT_RANGE = re.compile(r"bytes (?:(?P<first>\d+)-(?P<last>\d+)|\*)/(?P<total>\d+|\*)")


@dataclass
class Session:
    """A resumable upload under way; `resource` is set once it has become an object."""

    bucket: str
    name: str
    properties: dict[str, Any]
    wanted_generation: int | None
    path: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    received: int = 0
    resource: Resource | None = None


class Uploads:
    """Resumable sessions last as long as the process: after a restart their address answers 404."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._sessions: dict[str, Session] = {}

    def start(self, bucket: str, name: str, properties: dict[str, Any], wanted_generation: int | None) -> str:
        """Begin a resumable upload; returns its id."""
        self._storage.get_bucket(bucket)
        path = self._storage.drafts.new_path()
        path.touch()
        upload_id = uuid.uuid4().hex
        self._sessions[upload_id] = Session(bucket, name, properties, wanted_generation, path)
        return upload_id

    def put(self, upload_id: str, request: Request) -> Response:
        """A piece, the last piece, or the question how far the upload has come (`bytes */TOTAL`)."""
        session = self._sessions.get(upload_id)
        if session is None:
            raise ApiError(404, "notFound", "No such upload session")
        with session.lock:
            if session.resource is None:
                total = _receive(session, request)
                if total != session.received:
                    received = session.received
                    return Response(308, headers={"Range": f"bytes=0-{received - 1}"} if received else {})
                hashes = request.headers.get_all("X-Goog-Hash", [])
                pairs = (pair.strip().partition("=") for header in hashes for pair in header.split(","))
                fields = {"crc32c": "crc32c", "md5": "md5Hash"}
                checksums = {fields[kind]: value for kind, _, value in pairs if kind in fields}
                draft = described(session.path, session.path.read_bytes())
                try:
                    session.resource = self._storage.insert(
                        session.bucket, session.name, draft, session.properties | checksums, session.wanted_generation
                    )
                except ApiError:
                    del self._sessions[upload_id]
                    raise
            return Response.of_json(session.resource)


def _receive(session: Session, request: Request) -> int | None:
    """Append what is new in the piece; the total size, once it is given."""
    header = request.headers.get("Content-Range") or f"bytes 0-{len(request.body) - 1}/{len(request.body)}"
    match = _CONTENT_RANGE.fullmatch(header)
    if match is None and request.body:
        raise ApiError(400, "badRequest", f"Failed to parse Content-Range header: {header}")
    first = int((match and match["first"]) or 0)
    if first > session.received:
        message = (
            f"The upload offset is {first} byte(s), which exceeds already uploaded size of {session.received} byte(s)"
        )
        raise ApiError(400, "badRequest", message)
    with session.path.open("ab") as draft:
        session.received += draft.write(request.body[session.received - first :])
    total = match["total"] if match else str(len(request.body))
    return None if total == "*" else int(total)


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
