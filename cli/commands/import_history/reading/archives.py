"""Opens folders and zips, with limits for what is unpacked.

Content decides, because people rename files. What is unpacked is bounded: a file that a listener passes on must not
fill the owner's memory or disk, nor run for hours.
"""

import errno
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from cli.console import CliError
from localcloud.terminal import plain

MOST_BYTES = 4 << 30
"""Of all that one command reads: 2 million rows are 1.5 GB."""
_MOST_RATIO = 200
"""Spotify's files are packed about 20 to 1."""
_ALWAYS_FINE_BYTES = 16 << 20
_MOST_FILES = 10_000
_MOST_LISTED_BYTES = 4 << 20
"""Of what a zip says of its files: ten thousand of them have 2 MB."""
_LONGEST_NAME = 255

_ZIP_BEGINS = (b"PK\x03\x04", b"PK\x05\x06")
_CHUNK = 1 << 18
_DAMAGE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError),
    *(NotImplementedError, RuntimeError, EOFError, OSError, ValueError),
)
_NO_FILES = {".DS_Store", "Thumbs.db", "desktop.ini"}
_ENCRYPTED = 0x1
_LINK = "is a link to another file or folder. Give what it leads to by its own path"


class Damaged(Exception):
    """The text completes the sentence "the file …"."""


class FolderUnread(Damaged):
    """Any file may lie in it."""


@dataclass
class Budget:
    """What is left of what one command may read."""

    bytes_left: int = MOST_BYTES
    files_left: int = _MOST_FILES

    def take_file(self, name: str) -> None:
        self.files_left -= 1
        if self.files_left < 0:
            raise CliError(f"There are more than {_MOST_FILES:,} files up to {name}. Give the history alone.")

    def take(self, count: int, name: str) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise CliError(
                f"{name} is too large: with it, more than {MOST_BYTES >> 30} GB would be read, and Spotify's exports "
                "are far smaller. Nothing was stored."
            )


@dataclass(frozen=True)
class Entry:
    """A file that can be opened. `name`: for messages. `folder`: where it lies, in words that no other folder has."""

    name: str
    folder: str
    unpack: Callable[[], BinaryIO]
    packed_bytes: int
    """As it lies in the zip; 0 when it is in none."""

    @property
    def file_name(self) -> str:
        return PurePosixPath(self.name.rsplit(": ", 1)[-1]).name

    @contextmanager
    def open(self, budget: Budget) -> Iterator[io.BufferedReader]:
        """The content, decompressed. Raises Damaged, here and where it is read."""
        with _named_damage():
            stream = self.unpack()
        with stream:
            metered = _Metered(stream, self.name, budget, self.packed_bytes)
            reader: io.BufferedReader = io.BufferedReader(metered, _CHUNK)
            if is_zip(reader) and (self.packed_bytes or not stream.seekable()):
                raise Damaged("is a zip in another one, or comes through a pipe. Save it as a file, and give that")
            yield reader


def most_unpacked(packed_bytes: int) -> int:
    """Bytes that a file of so many may unpack to."""
    return min(MOST_BYTES, max(_ALWAYS_FINE_BYTES, _MOST_RATIO * packed_bytes))


class _Metered(io.RawIOBase):
    """Counts what is read, and refuses what is unpacked to far more than it was."""

    def __init__(self, stream: BinaryIO, name: str, budget: Budget, packed_bytes: int) -> None:
        self._stream, self._name, self._budget = stream, name, budget
        self._left = most_unpacked(packed_bytes) if packed_bytes else MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _named_damage():
            content = self._stream.read(len(buffer))
        self._budget.take(len(content), self._name)
        self._left -= len(content)
        if self._left < 0:
            raise CliError(
                f"{self._name} is packed more than {_MOST_RATIO} to 1, which no streaming history is. Nothing was "
                "stored. If it is one all the same, unpack it by hand and give the folder."
            )
        buffer[: len(content)] = content
        return len(content)


class _Listed:
    """A zip of which only so much is read while its files are listed: what is said of them is kept in memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._left = stream, _MOST_LISTED_BYTES
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size if 0 <= size <= self._left else self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise Damaged(f"says more of its files than {_MOST_LISTED_BYTES >> 20} MB, which no export does")
        return content

    def end(self) -> None:
        self._left = 1 << 62


@contextmanager
def _named_damage() -> Iterator[None]:
    """Damaged, or packed in a way that Python does not know."""
    try:
        yield
    except _DAMAGE as error:
        # The system's: those of bz2 have no text, and EINVAL is a place that a damaged zip names.
        if isinstance(error, OSError) and error.strerror and error.errno != errno.EINVAL:
            raise Damaged(f"cannot be read: {error.strerror}") from None
        raise Damaged("cannot be unpacked. Download the file again, or unpack it by hand first") from None


def path_entry(path: Path, name: str) -> Entry:
    return Entry(_shown(name), str(path.absolute().parent), lambda: path.open("rb"), 0)


def folder_entries(path: Path) -> Iterator[Entry]:
    """Every file below the folder, the links that lead to none (those to other folders are not followed), and the
    folders that cannot be listed.
    """
    unlisted = list[OSError]()
    for folder, folders, names in os.walk(path, onerror=unlisted.append):
        folders.sort()
        links = [name for name in folders if os.path.islink(Path(folder) / name)]  # noqa: PTH114 -- Path's may raise
        for file in (Path(folder) / name for name in sorted([*names, *links]) if _is_file_of_interest(name)):
            # What is listed and cannot be looked at: opening it says why.
            if os.path.isfile(file) or not os.path.lexists(file):  # noqa: PTH113 -- Path's may raise
                yield path_entry(file, str(file))
            elif file.is_symlink():
                yield replace(path_entry(file, str(file)), unpack=partial(_refuse, Damaged(_LINK)))
    for error in unlisted:
        entry = path_entry(Path(error.filename), str(error.filename))
        yield replace(entry, unpack=partial(_refuse, FolderUnread(f"cannot be read: {error.strerror}")))


def _refuse(why: Damaged) -> Any:
    raise why


def is_zip(stream: io.BufferedReader) -> bool:
    return stream.peek(len(_ZIP_BEGINS[0])).startswith(_ZIP_BEGINS)


@contextmanager
def contents(entry: Entry) -> Iterator[list[Entry]]:
    """The files in a zip, sorted by their names. Raises Damaged."""
    with _named_damage():
        stream = entry.unpack()
    with stream:
        with _named_damage():
            listed: Any = _Listed(stream)
            archive = zipfile.ZipFile(listed)
        listed.end()
        with archive:
            # PowerShell 5 puts backslashes between folders: icsharpcode/SharpZipLib#617.
            found = [(info.filename.replace("\\", "/"), info) for info in archive.infolist()]
            files = [each for each in found if not each[0].endswith("/") and _is_file_of_interest(each[0])]
            entries = [_inner_entry(entry, path, archive, info) for path, info in files]
            yield sorted(entries, key=lambda inner: (inner.folder, inner.name))


def _open_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    if info.flag_bits & _ENCRYPTED:
        raise Damaged("needs a password. Unpack it by hand first, and give the folder")
    return archive.open(info)


def _inner_entry(outer: Entry, path: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    inner = PurePosixPath(path)
    return Entry(
        f"{outer.name}: {_shown(inner.name[:_LONGEST_NAME])}",
        f"{outer.folder}/{outer.file_name}/{inner.parent}".removesuffix("/."),
        partial(_open_zipped, archive, info),
        info.compress_size,
    )


def _shown(name: str) -> str:
    """A name from outside is one line."""
    return plain(name).replace("\n", "\\n")


def _is_file_of_interest(name: str) -> bool:
    """Not what macOS and Windows add: no listener ever sees it."""
    path = PurePosixPath(name)
    return "__MACOSX" not in path.parts and not path.name.startswith("._") and path.name not in _NO_FILES
