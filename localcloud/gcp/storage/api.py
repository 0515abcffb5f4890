"""Cloud Storage's JSON API over `objects.py`: the calls this project's clients make, and no others."""

import re
from typing import Any
from urllib.parse import unquote

from localcloud.gcp.storage.objects import OBJECT_FIELDS, Resource, Storage
from localcloud.gcp.storage.uploads import Uploads, split_multipart
from localcloud.web import ApiError, Handler, Request, Response, Routes

_BUCKETS = "/storage/v1/b"
_OBJECT = "/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<object>[^/]+)"
_UPLOAD = "/(?:resumable/)?upload/storage/v1/b/(?P<bucket>[^/]+)/o"
_TARGET = "/b/(?P<target_bucket>[^/]+)/o/(?P<target_object>[^/]+)"
_RANGE = re.compile(r"bytes=(?P<first>\d+)-(?P<last>\d*)")
# Any other parameter might be meant to change the answer: better refused than ignored.
_PARAMETERS = {
    *("alt", "fields", "prettyPrint", "project", "projection"),
    *("prefix", "maxResults", "pageToken"),
    *("uploadType", "upload_id", "name", "generation", "sourceGeneration", "ifGenerationMatch"),
}


class StorageApi:
    """Translates between HTTP and the objects; `routes` is what a server serves."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._uploads = Uploads(storage)
        self.routes = Routes()

        def add(method: str, pattern: str, handler: Handler) -> None:
            def with_known_parameters(request: Request) -> Response:
                for name in request.query.keys() - _PARAMETERS:
                    raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate the parameter {name}")
                return handler(request)

            self.routes.add(method, pattern, with_known_parameters)

        add("POST", _BUCKETS, lambda request: Response.of_json(storage.create_bucket(request.json())))
        add("GET", f"{_BUCKETS}/(?P<bucket>[^/]+)/o", self.list_objects)
        add("POST", _UPLOAD, self.upload)
        add("PUT", _UPLOAD, lambda request: self._uploads.put(request.arg("upload_id") or "", request))
        add("GET", f"(?:/download)?{_OBJECT}", self.get_object)
        add("DELETE", _OBJECT, self.delete_object)
        add("POST", f"{_OBJECT}/copyTo{_TARGET}", self.copy_object)

    def list_objects(self, request: Request) -> Response:
        items, next_token = self._storage.list_objects(
            _part(request, "bucket"),
            request.arg("prefix") or "",
            request.arg("pageToken") or "",
            _number(request, "maxResults") or 1000,
        )
        answer: dict[str, Any] = {"kind": "storage#objects", "items": items}
        return Response.of_json(answer | ({"nextPageToken": next_token} if next_token else {}))

    def upload(self, request: Request) -> Response:
        kind = request.arg("uploadType")
        content = request.body
        if kind == "media":
            properties = {"contentType": request.headers.get("Content-Type")}
        elif kind == "multipart":
            metadata, content_type, content = split_multipart(request)
            properties = {"contentType": content_type} | Request("", "", {}, request.headers, metadata).json()
        elif kind == "resumable":
            properties = {"contentType": request.headers.get("X-Upload-Content-Type")} | request.json()
        else:
            raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate uploadType={kind}")
        bucket, name = _part(request, "bucket"), request.arg("name") or properties.get("name") or ""
        wanted = _wanted_generation(request)
        if kind != "resumable":
            return Response.of_json(self._storage.write(bucket, name, content, properties, wanted))
        upload_id = self._uploads.start(bucket, name, properties, wanted)
        location = f"http://{request.headers['Host']}{request.path}?uploadType=resumable&upload_id={upload_id}"
        return Response(headers={"Location": location, "X-GUploader-UploadID": upload_id})

    def get_object(self, request: Request) -> Response:
        wanted = (*_name(request), _number(request, "generation"), _wanted_generation(request))
        if request.arg("alt") == "media":
            return _media(*self._storage.download(*wanted), request.headers.get("Range"))
        return Response.of_json(self._storage.get(*wanted))

    def delete_object(self, request: Request) -> Response:
        self._storage.delete(*_name(request), _number(request, "generation"), _wanted_generation(request))
        return Response(204)

    def copy_object(self, request: Request) -> Response:
        """Given properties replace those of the source."""
        source, content = self._storage.download(*_name(request), _number(request, "sourceGeneration"))
        properties = {field: source[field] for field in OBJECT_FIELDS & source.keys()} | request.json()
        target, wanted = _name(request, "target_"), _wanted_generation(request)
        return Response.of_json(self._storage.write(*target, content, properties, wanted))


def _media(resource: Resource, content: bytes, wanted: str | None) -> Response:
    headers = {
        "Content-Type": resource["contentType"],
        "ETag": resource["etag"],
        "Accept-Ranges": "bytes",
        "X-Goog-Generation": resource["generation"],
        "X-Goog-Metageneration": resource["metageneration"],
        "X-Goog-Storage-Class": resource["storageClass"],
        "X-Goog-Stored-Content-Encoding": "identity",
        "X-Goog-Stored-Content-Length": resource["size"],
        "X-Goog-Hash": f"crc32c={resource['crc32c']},md5={resource['md5Hash']}",
    }
    if wanted is None:
        return Response(200, content, headers)
    match = _RANGE.fullmatch(wanted)
    if match is None:
        raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate the range {wanted!r}")
    first, last = int(match["first"]), min(int(match["last"] or len(content)), len(content) - 1)
    if first > last:
        return Response(416, headers={"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(206, content[first : last + 1], headers)


def _wanted_generation(request: Request) -> int | None:
    return _number(request, "ifGenerationMatch")


def _number(request: Request, name: str) -> int | None:
    text = request.arg(name)
    try:
        return None if text is None else int(text)
    except ValueError:
        raise ApiError(400, "invalid", f"Invalid long value: '{text}' for {name}") from None


def _name(request: Request, prefix: str = "") -> tuple[str, str]:
    return _part(request, f"{prefix}bucket"), _part(request, f"{prefix}object")


def _part(request: Request, name: str) -> str:
    try:
        return unquote(request.params[name], errors="strict")
    except UnicodeDecodeError:
        raise ApiError(400, "invalid", f"{request.params[name]} is not UTF-8") from None
