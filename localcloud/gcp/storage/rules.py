"""Cloud Storage's rules for what a call brings: names, checksums, fields, preconditions. Pure."""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import google_crc32c

from localcloud.web import ApiError

Resource = dict[str, Any]

BUCKET_FIELDS = {"name", "location", "storageClass", "labels"}
OBJECT_FIELDS = {"contentType", "metadata"}
# Fields of a request that change nothing: checked elsewhere, or the service's own.
IGNORED_FIELDS = {
    *("kind", "id", "selfLink", "mediaLink", "name", "bucket", "generation", "metageneration", "size", "etag"),
    *("crc32c", "md5Hash", "timeCreated", "updated", "timeFinalized", "timeStorageClassUpdated"),
}
# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
# https://cloud.google.com/storage/docs/objects#naming
_LONGEST_NAME_BYTES = 1024
_NOT_IN_NAMES = re.compile("[\0\r\n]")


def check_bucket_name(name: str) -> None:
    if not _BUCKET.fullmatch(name) or ".." in name:
        raise ApiError(400, "invalid", f"Invalid bucket name: '{name}'")


def check_object_name(name: str) -> None:
    size = len(name.encode(errors="surrogatepass"))
    if name in ("", ".", "..") or size > _LONGEST_NAME_BYTES or _NOT_IN_NAMES.search(name):
        raise ApiError(400, "invalid", f"Invalid object name: {name!r}")


def checksums(content: bytes, given: Mapping[str, Any]) -> dict[str, str]:
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


def check_generation(resource: Resource | None, wanted: int | None) -> None:
    """The precondition of a call. Generation 0: the object must not exist. None: no precondition."""
    if wanted not in (None, int(resource["generation"]) if resource else 0):
        message = "At least one of the pre-conditions you specified did not hold."
        raise ApiError(412, "conditionNotMet", message)


def refuse_unknown_fields(what: str, properties: Mapping[str, Any], known: set[str]) -> None:
    for field in properties:
        if field not in known:
            raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate {what}.{field}")
