"""Contents on their way to becoming objects: files of their own until the upload is complete and checked."""

import base64
import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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

    @contextmanager
    def dropped_on_error(self) -> Iterator[None]:
        """For the step that decides whether the content becomes an object."""
        try:
            yield
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise


class Drafts:
    """The folder of drafts. Whatever is in it when the laptop cloud starts belongs to nobody."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def write(self, content: bytes) -> Draft:
        path = self.new_path()
        path.write_bytes(content)
        return described(path, content)

    def new_path(self) -> Path:
        return self.directory / uuid.uuid4().hex

    def discard_all(self) -> None:
        for path in self.directory.iterdir():
            path.unlink()


def described(path: Path, content: bytes) -> Draft:
    crc32c = base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()
    md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    return Draft(path, len(content), crc32c, md5)
