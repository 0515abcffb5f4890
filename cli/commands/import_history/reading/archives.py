"""Opens folders and archives (zip, tar, gzip, bzip2, xz, one in another), with limits for what is unpacked.

Content decides, because people rename files. What is unpacked is bounded: a file that a listener passes on must not
fill the owner's memory or disk, nor run for hours.
"""

import bz2
import errno
import gzip
import io
import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Literal

from cli.console import CliError
from localcloud.terminal import plain

MOST_BYTES = 4 << 30
"""Of all that one command reads: 2 million rows are 1.5 GB."""
_MOST_RATIO = 200
"""Spotify's files are packed about 20 to 1."""
_ALWAYS_FINE_BYTES = 16 << 20
_MOST_FILES = 10_000
_IN_MEMORY_BYTES = 16 << 20
_MOST_LISTED_BYTES = 16 << 20
"""Of what an archive says of its files: ten thousand of them have 15 MB in a tar, 2 in a zip."""
_LONGEST_NAME = 255
_ZIP_LISTS = b"PK\x01\x02"
"""What begins each entry in the list of a zip's files."""

Form = Literal["zip", "tar", "file"]
_Found = tuple[str, Callable[[], Any], int]
"""Path in the archive, how to open it, packed size."""

_DECOMPRESSORS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_ZIP_BEGINS = (b"PK\x03\x04", b"PK\x05\x06")
_TAR_AT, _TAR = 257, b"ustar"
_HEAD_BYTES = 512
_CHUNK = 1 << 18
_DAMAGE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(NotImplementedError, RuntimeError, EOFError, OSError, ValueError),
)
_NO_FILES = {".DS_Store", "Thumbs.db", "desktop.ini"}
_ENCRYPTED = 0x1


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
    """As it lies on the disk; 0 when it is not packed."""

    @property
    def file_name(self) -> str:
        return PurePosixPath(self.name.rsplit(": ", 1)[-1]).name

    @contextmanager
    def open(self, budget: Budget) -> Iterator[io.BufferedReader]:
        """The content, decompressed. Raises Damaged, here and where it is read."""
        with _named_damage():
            stream = self.unpack()
        with stream:
            reader = _metered(stream, self.name, budget, self.packed_bytes)
            if not stream.seekable() and _is_packed(reader):
                raise Damaged("is packed and comes through a pipe. Give it as a file")
            for begins, decompress in _DECOMPRESSORS.items():
                if reader.peek(_HEAD_BYTES).startswith(begins):
                    packed_bytes = self.packed_bytes or stream.seek(0, io.SEEK_END)
                    stream.seek(0)
                    reader = _metered(decompress(stream), self.name, budget, packed_bytes)
                    break
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
    """An archive of which only so much is read while its files are listed: what is said of them is kept in memory."""

    def __init__(self, stream: IO[bytes]) -> None:
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


def _metered(stream: BinaryIO, name: str, budget: Budget, packed_bytes: int) -> io.BufferedReader:
    return io.BufferedReader(_Metered(stream, name, budget, packed_bytes), _CHUNK)


@contextmanager
def _named_damage() -> Iterator[None]:
    """Damaged, or packed in a way that Python does not know."""
    try:
        yield
    except _DAMAGE as error:
        # The system's: those of gzip and bz2 have no text, and EINVAL is a place that a damaged zip names.
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
                yield replace(path_entry(file, str(file)), unpack=_open_link)
    for error in unlisted:
        entry = path_entry(Path(error.filename), str(error.filename))
        yield replace(entry, unpack=partial(_open_unlisted, error.strerror))


def _open_unlisted(why: str | None) -> Any:
    raise FolderUnread(f"cannot be read: {why}")


def _is_packed(stream: io.BufferedReader) -> bool:
    return stream.peek(_HEAD_BYTES).startswith((*_DECOMPRESSORS,)) or form_of(stream) != "file"


def form_of(stream: io.BufferedReader) -> Form:
    head = stream.peek(_HEAD_BYTES)
    if head.startswith(_ZIP_BEGINS):
        return "zip"
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return "tar"
    try:
        # Without that mark, as of before 1988: the head's checksum decides.
        tarfile.TarInfo.frombuf(head[:_HEAD_BYTES], tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return "file"
    return "tar"


@contextmanager
def contents(entry: Entry, form: Form, stream: io.BufferedReader) -> Iterator[list[Entry]]:
    """The files in an archive, sorted by their names. Raises Damaged."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as copy:
        shutil.copyfileobj(stream, copy)
        if form == "zip":
            _check_list(copy, entry.name)
        copy.seek(0)
        listed: Any = _Listed(copy)
        with _named_damage():
            archive = zipfile.ZipFile(listed) if form == "zip" else tarfile.TarFile(fileobj=listed)
        with archive:
            with _named_damage():
                found = _in_zip(archive) if isinstance(archive, zipfile.ZipFile) else _in_tar(archive, entry.name)
            listed.end()
            entries = [_inner_entry(entry, *each) for each in found if _is_file_of_interest(each[0])]
            yield sorted(entries, key=lambda inner: (inner.folder, inner.name))


def _in_zip(archive: zipfile.ZipFile) -> list[_Found]:
    """PowerShell 5 puts backslashes between folders: icsharpcode/SharpZipLib#617."""
    found = [(info.filename.replace("\\", "/"), info) for info in archive.infolist()]
    files = [(path, info) for path, info in found if not path.endswith("/")]
    return [(path, partial(_open_zipped, archive, info), info.compress_size) for path, info in files]


def _open_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    if info.flag_bits & _ENCRYPTED:
        raise Damaged("needs a password. Unpack it by hand first, and give the folder")
    return archive.open(info)


def _in_tar(archive: tarfile.TarFile, name: str) -> list[_Found]:
    found = list[_Found]()
    for count, info in enumerate(archive, start=1):
        _check_count(count, name)
        if info.isfile():
            found.append((info.name, partial(archive.extractfile, info), 0))
        elif info.issym() or info.islnk():
            found.append((info.name, _open_link, 0))
    return found


def _open_link() -> Any:
    raise Damaged("is a link to another file or folder. Give what it leads to by its own path")


def _check_list(copy: IO[bytes], name: str) -> None:
    """Before zipfile makes an object of each entry: a list is packed so well that a small zip has millions."""
    copy.seek(0)
    count, end = 0, b""
    while chunk := copy.read(_CHUNK):
        window = end + chunk
        count += window.count(_ZIP_LISTS)
        end = window[1 - len(_ZIP_LISTS) :]
    _check_count(count, name)


def _check_count(count: int, name: str) -> None:
    if count > _MOST_FILES:
        raise CliError(f"There are more than {_MOST_FILES:,} files and folders in {name}. Give the history alone.")


def _inner_entry(outer: Entry, path: str, unpack: Callable[[], Any], packed_bytes: int) -> Entry:
    inner = PurePosixPath(path)
    return Entry(
        f"{outer.name}: {_shown(inner.name[:_LONGEST_NAME])}",
        f"{outer.folder}/{outer.file_name}/{inner.parent}".removesuffix("/."),
        unpack,
        packed_bytes,
    )


def _shown(name: str) -> str:
    """A name from outside is one line."""
    return plain(name).replace("\n", "\\n")


def _is_file_of_interest(name: str) -> bool:
    """Not what macOS and Windows add: no listener ever sees it."""
    path = PurePosixPath(name)
    return "__MACOSX" not in path.parts and not path.name.startswith("._") and path.name not in _NO_FILES
