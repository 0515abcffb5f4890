"""Files of Cloud Storage's contents: where they are stored, and which names and metadata are accepted.

A content is a draft, a file of its own, until it is checked and an object has it. An object is stored at
DATA/buckets/BUCKET/NAME, a plain file that DuckDB, Spark and people can read; a name that is not a plain path inside
its bucket's folder is refused, never changed into one.
"""

import base64
import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c

from localcloud.web import ApiError


@dataclass(frozen=True)
class Draft:
    """A complete content. Checksums are base64, as the JSON API has them."""

    path: Path
    size: int
    crc32c: str
    md5: str

    def check(self, crc32c: str | None, md5: str | None) -> None:
        """Raises ApiError when the sender's checksum is another one."""
        for name, given, computed in (("CRC32C", crc32c, self.crc32c), ("MD5 hash", md5, self.md5)):
            if given is not None and given != computed:
                message = f'Provided {name} "{given}" doesn\'t match calculated {name} "{computed}".'
                raise ApiError(400, "invalid", message)


class Drafts:
    """The folder of drafts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def write(self, content: bytes) -> Draft:
        path = self.directory / uuid.uuid4().hex
        path.write_bytes(content)
        crc32c = base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
        md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        return Draft(path, len(content), crc32c, md5)


# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_LONGEST_NAME_BYTES = 1024
_LONGEST_FILE_NAME_BYTES = 255
_NOT_IN_NAMES = re.compile("[\0\r\n]")


def bucket_path(root: Path, bucket: str) -> Path:
    """The folder of a bucket. Raises ApiError for a name that no bucket can have."""
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise ApiError(400, "invalid", f"Invalid bucket name: '{bucket}'")
    return root / bucket


def object_path(root: Path, bucket: str, name: str) -> Path:
    """The file of an object. Raises ApiError for a name that Cloud Storage or a file system cannot hold."""
    encoded = name.encode(errors="surrogatepass")
    if not name or len(encoded) > _LONGEST_NAME_BYTES or _NOT_IN_NAMES.search(name):
        raise ApiError(400, "invalid", f"Invalid object name: {name!r}")
    parts = [(part, len(part.encode(errors="surrogatepass"))) for part in name.split("/")]
    if any(part in ("", ".", "..") or length > _LONGEST_FILE_NAME_BYTES for part, length in parts):
        message = f"The laptop cloud keeps objects as plain files, and {name!r} is not a plain file path"
        raise ApiError(400, "invalid", message)
    return bucket_path(root, bucket).joinpath(*name.split("/"))


def refuse_clash(root: Path, path: Path) -> None:
    """On a file system `a` cannot be a file and the folder of `a/b` at once."""
    folders = [parent for parent in path.parents if parent.is_relative_to(root)]
    clash = next((folder for folder in folders if folder.is_file()), path if path.is_dir() else None)
    if clash is not None:
        bucket, name = clash.relative_to(root).parts[0], "/".join(path.relative_to(root).parts[1:])
        taken = "/".join(clash.relative_to(root).parts[1:])
        message = (
            f"The laptop cloud keeps objects as plain files, so {name!r} and another object cannot both be in "
            f"{bucket}: {taken!r} would be a file and a folder"
        )
        raise ApiError(400, "invalid", message)


Resource = dict[str, Any]

BUCKET_FIELDS = {"name", "location", "storageClass", "labels"}
OBJECT_FIELDS = {"contentType", "metadata"}
# Fields of a request that change nothing: checked elsewhere, or the service's own.
IGNORED_FIELDS = {
    *("kind", "id", "selfLink", "mediaLink", "name", "bucket", "generation", "metageneration", "size", "etag"),
    *("crc32c", "md5Hash", "timeCreated", "updated", "timeFinalized", "timeStorageClassUpdated"),
}


def check_generation(resource: Resource | None, wanted: int | None) -> None:
    """The precondition of a call. Generation 0: the object must not exist. None: no precondition."""
    if wanted not in (None, int(resource["generation"]) if resource else 0):
        message = "At least one of the pre-conditions you specified did not hold."
        raise ApiError(412, "conditionNotMet", message)


def refuse_unknown_fields(what: str, properties: Mapping[str, Any], known: set[str]) -> None:
    for field in properties:
        if field not in known:
            raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate {what}.{field}")
