"""Where an object lies: DATA/buckets/BUCKET/NAME, a plain file that DuckDB, Spark and people can read.

A name that is no plain path inside its bucket's folder is refused, never bent into one.
"""

import re
from pathlib import Path

from localcloud.web import ApiError

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
    if not all(_is_file_name(part) for part in name.split("/")):
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


def _is_file_name(part: str) -> bool:
    return part not in ("", ".", "..") and len(part.encode(errors="surrogatepass")) <= _LONGEST_FILE_NAME_BYTES
