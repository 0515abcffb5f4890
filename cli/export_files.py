"""Opens what Spotify sends: the zip of the "Extended streaming history", a folder it was unpacked to, or its files.

Content decides what a file is, because people rename files; inside of a zip or a folder, where many other files lie,
its name decides whether it is looked at.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from cli.errors import CliError

PAGE = "https://www.spotify.com/account/privacy/"
"""Where a listener asks for a copy of the own data."""

_HISTORY_NAME = re.compile(r"(Streaming_History_(Audio|Video)_.*|endsong_\d+)\.json", re.IGNORECASE)
_ACCOUNT_NAME = re.compile(r"StreamingHistory.*\.json", re.IGNORECASE)

_ZIP_BEGINS = b"PK\x03\x04"

Content = Literal["history", "account data", "something else"]


@dataclass(frozen=True)
class ExportFile:
    """One file of a streaming history. `name` is for messages.

    `package`: the path of the zip, folder or file that was given; it has no holes. Two of one name are two.
    """

    name: str
    package: str
    rows: list[Any]


def read_files(paths: Sequence[Path]) -> Iterator[ExportFile]:
    """The histories at the paths, one in memory at a time. Raises CliError for a path without one."""
    for path in paths:
        if path.is_dir():
            yield from _read_folder(path)
        elif _is_zip(path):
            yield from _read_zip(path)
        else:
            yield _history(path.name, str(path), _bytes(path), must_have_rows=True)


def _is_zip(path: Path) -> bool:
    with _opening(path), path.open("rb") as file:
        return file.read(len(_ZIP_BEGINS)) == _ZIP_BEGINS


def _bytes(path: Path) -> bytes:
    with _opening(path):
        return path.read_bytes()


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}.") from None


def _read_folder(path: Path) -> Iterator[ExportFile]:
    names = [file.name for file in path.iterdir() if file.is_file()]
    for name in _history_names(str(path), names):
        yield _history(str(path / name), str(path), _bytes(path / name))


def _read_zip(path: Path) -> Iterator[ExportFile]:
    with _unpacking(path.name), zipfile.ZipFile(path) as archive:
        for name in _history_names(path.name, archive.namelist()):
            short = PurePosixPath(name).name
            with _unpacking(f"{path.name}: {short}"):
                content = archive.read(name)
            yield _history(f"{path.name}: {short}", str(path), content)


@contextmanager
def _unpacking(name: str) -> Iterator[None]:
    """Damaged, or with a password, or packed in a way that Python does not know."""
    try:
        yield
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
        raise CliError(f"{name} cannot be unpacked. Download the file again, or unpack it by hand first.") from None


def _history_names(place: str, names: Sequence[str]) -> list[str]:
    """Those of a zip's or a folder's files that are a history. Raises CliError when there are none."""
    files = {name: PurePosixPath(name).name for name in names if "__MACOSX" not in name}
    found = sorted(name for name, short in files.items() if _HISTORY_NAME.fullmatch(short))
    if found:
        return found
    if any(_ACCOUNT_NAME.fullmatch(short) for short in files.values()):
        raise CliError(_account_data(place))
    raise CliError(f"{place} holds no streaming history. {_what_to_give()}")


def _history(name: str, package: str, content_bytes: bytes, *, must_have_rows: bool = False) -> ExportFile:
    content = _json(name, content_bytes)
    kind = _kind_of(content)
    if kind == "account data":
        raise CliError(_account_data(name))
    if kind == "something else" and (must_have_rows or content != []):
        raise CliError(f"{name} is not a streaming history. {_what_to_give()}")
    return ExportFile(name, package, content)


def _json(name: str, content: bytes) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(content.decode("utf-8-sig"))
    raise CliError(f"{name} is not JSON, or only a part of it is there. Nothing was stored. {_what_to_give()}")


def _kind_of(content: Any) -> Content:
    """Told by the first row that tells; single rows may be anything."""
    for row in content if isinstance(content, list) else []:
        if isinstance(row, dict) and {"ts", "ms_played"} <= row.keys():
            return "history"
        if isinstance(row, dict) and {"endTime", "msPlayed"} <= row.keys():
            return "account data"
    return "something else"


def _what_to_give() -> str:
    return (
        "Give the files Streaming_History_Audio_….json (before 2023: endsong_….json), or the zip they came in. "
        f"They are Spotify's “Extended streaming history”, to be asked for at {PAGE}"
    )


def _account_data(name: str) -> str:
    return (
        f"{name} is of Spotify's “Account data”, which names no track ids and holds one year only. Ask for the "
        f"“Extended streaming history” instead: at {PAGE}, under “Download your data”; it comes by e-mail within "
        "30 days. Nothing was stored."
    )
