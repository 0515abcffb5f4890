"""Finds the streaming history in what people have: the zip from Spotify, a folder, zips in it, single files.

Content decides what a file is; its name only says which part of the history it is. Every file that is not read is
named with the reason.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from cli.commands.import_history.reading import archives
from cli.commands.import_history.reading.archives import Budget, Damaged, Entry, FolderUnread
from cli.commands.import_history.reading.json_rows import NotRows, read_rows
from cli.console import CliError, say
from plays import KEY

PAGE = "https://www.spotify.com/account/privacy/"
"""Where a listener requests the data export."""

_HISTORY_NAME = re.compile(
    r"(?:endsong|(?P<video>endvideo|Streaming_?History_Video)|Streaming_?History_Audio)(?:_\d{4}(?:-\d{4})?)?"
    r"(?:_(?P<number>\d{1,3})(?!\d))?",
    re.IGNORECASE,
)
OWN_EXPORT = "is a file that `export` has written, to be given by itself, not in a folder, a zip or through a pipe"

_HEAD_BYTES = 1 << 16
_ROWS_THAT_TELL = 10_000

_OTHER_FORMATS = {
    b"%PDF": "is a PDF",
    b"\x89PNG": "is a picture",
    b"\xff\xd8\xff": "is a picture",
    b"7z\xbc\xaf": "is a 7-Zip archive. Unpack it first, and give the folder",
    b"Rar!": "is a RAR archive. Unpack it first, and give the folder",
    b"PK\x07\x08": "is a part of a zip in several parts. Unpack it by hand first, and give the folder",
    b"\x28\xb5\x2f\xfd": "is packed with Zstandard. Unpack it first, and give the file",
    b"\x1f\x8b": "is packed with gzip. Unpack it first, and give the folder",
    b"BZh": "is packed with bzip2. Unpack it first, and give the folder",
    b"\xfd7zXZ": "is packed with xz. Unpack it first, and give the folder",
    b"bplist": "is a placeholder of iCloud. Download the file itself first",
}
_WEB_PAGE = re.compile(rb"\s*<(!doctype|html|head|\?xml)", re.IGNORECASE)
_ZIP_ENDS = b"PK\x05\x06"

Content = Literal["history", "account data"]


@dataclass
class ExportFile:
    """One file of a streaming history, to be read before the next one is taken.

    `name` is for messages. `package` is the folder or zip it lies in. `number` is its place in the history, where
    its name says it. `damage` is set while the rows are read, when they end too soon.
    """

    name: str
    package: str
    is_video: bool
    number: int | None
    rows: Iterator[Any]
    damage: str = ""


@dataclass(frozen=True)
class UnreadFile:
    """A file of which nothing, or a part only, was read. `reason` completes the sentence "the file …"."""

    name: str
    reason: str
    is_history: bool
    """Whether it should have been read: it holds plays, or its name says so."""
    is_video: bool = False


Finding = ExportFile | UnreadFile


@dataclass
class _Path:
    """What was found at one of the paths that were given."""

    name: str
    budget: Budget
    histories: list[ExportFile] = field(default_factory=list)
    unread: list[UnreadFile] = field(default_factory=list)


def read_files(paths: Sequence[Path], budget: Budget | None = None) -> Iterator[Finding]:
    """The histories at the paths, one at a time, and after those of each path the files that were not read.

    Raises CliError for a path without a history, for one with two, and for more than the budget allows.
    """
    budget = budget or Budget()
    named = Counter(path.name for path in {*paths})
    for path in paths:
        found = _Path(str(path) if path.is_dir() or named[path.name] > 1 else path.name, budget)
        if path.is_dir():
            yield from _read_entries(archives.folder_entries(path), found)
        else:
            yield from _read_entries([archives.path_entry(path, found.name)], found)
        _check(found)
        yield from found.unread


def _read_entries(entries: Iterable[Entry], found: _Path) -> Iterator[ExportFile]:
    """Zips that lie beside a history are mostly what it was unpacked from: they are left alone."""
    zips = []
    for entry in entries:
        found.budget.take_file(entry.name)
        with _unread_when_damaged(entry, found), entry.open(found.budget) as stream:
            if archives.is_zip(stream):
                zips.append(entry)
            else:
                yield from _read_file(entry, stream, found)
    has_history = bool(found.histories)
    for entry in zips:
        if has_history:
            reason = "is a zip beside the history. Give it by itself if it holds another one"
            found.unread.append(UnreadFile(entry.name, reason, is_history=False))
            continue
        with _unread_when_damaged(entry, found), archives.contents(entry) as inner:
            yield from _read_entries(inner, found)


@contextmanager
def _unread_when_damaged(entry: Entry, found: _Path) -> Iterator[None]:
    try:
        yield
    except (Damaged, NotRows) as error:
        name, is_any = _HISTORY_NAME.search(entry.file_name), isinstance(error, FolderUnread)
        is_video = is_any or bool(name and name["video"])
        found.unread.append(UnreadFile(entry.name, str(error), is_any or bool(name), is_video))


def _read_file(entry: Entry, stream: io.BufferedReader, found: _Path) -> Iterator[ExportFile]:
    """The file as a history. Raises NotRows when it is none."""
    if own_form(stream):
        raise NotRows(OWN_EXPORT)
    _refuse_other_formats(stream)
    name = _HISTORY_NAME.search(entry.file_name)
    rows = read_rows(stream)
    head, content = _first_rows(rows)
    if content == "account data":
        raise NotRows(_ACCOUNT_DATA)
    if content is None and (head or not name):
        raise NotRows("holds no plays: its rows have no ts and ms_played" if head else "is an empty list")
    number = name["number"] if name else None
    file = ExportFile(
        name=entry.name,
        package=entry.folder,
        is_video=bool(name and name["video"]),
        number=int(number) if number else None,
        rows=iter(()),
    )
    file.rows = _until_damage(chain(head, rows), file)
    found.histories.append(file)
    say(f"Reading {file.name} …")
    yield file


def own_form(stream: io.BufferedReader) -> Literal["csv", "json", "parquet"] | None:
    """The form of a file that `export` has written, by its first bytes, which are not taken; None for all others."""
    head = stream.peek(_HEAD_BYTES)
    if head.startswith(b"PAR1"):
        return "parquet"
    text = head.decode(json.detect_encoding(head[:4]), "ignore")
    if text.lstrip().startswith("[") and all(f'"{name}"' in text for name in KEY):
        return "json"
    # Also as a spreadsheet saves it, to be refused as what it was.
    header = re.split(r'"?[,;\t]"?', text.partition("\n")[0].strip('"\r'))
    return "csv" if set(header) >= {*KEY} else None


def _refuse_other_formats(stream: io.BufferedReader) -> None:
    head = stream.peek(512)
    if head[257:262] == b"ustar":
        raise NotRows("is a tar archive. Unpack it first, and give the folder")
    for begins, what in _OTHER_FORMATS.items():
        if head.startswith(begins):
            raise NotRows(what)
    if _WEB_PAGE.match(head):
        raise NotRows("is a web page, not the download itself. Sign in at Spotify and download it again")
    if _ZIP_ENDS in head:
        raise NotRows("is the end of a zip whose beginning is missing. Download it again")


def _first_rows(rows: Iterator[Any]) -> tuple[list[Any], Content | None]:
    """Rows up to the first one that says what the file is; single rows may be anything."""
    head = []
    for row in islice(rows, _ROWS_THAT_TELL):
        head.append(row)
        if isinstance(row, dict) and {"ts", "ms_played"} <= row.keys():
            return head, "history"
        if isinstance(row, dict) and {"endTime", "msPlayed"} <= row.keys():
            return head, "account data"
    return head, None


def _until_damage(rows: Iterator[Any], file: ExportFile) -> Iterator[Any]:
    try:
        yield from rows
    except (Damaged, NotRows) as error:
        file.damage = str(error)


def _check(found: _Path) -> None:
    """Raises CliError unless there is one history. Of a damaged file the rows before the damage are taken."""
    damaged = [file for file in found.histories if file.damage]
    found.unread += [UnreadFile(file.name, file.damage, is_history=True, is_video=file.is_video) for file in damaged]
    packages = sorted({file.package for file in found.histories})
    if len(packages) > 1:
        raise CliError(
            f"{found.name} holds {len(packages)} histories: in {', in '.join(packages)}. Nothing was stored. Give the "
            "one that is meant, or each by its own path if all are the listener's."
        )
    if len(damaged) < len(found.histories):
        return
    missed = sorted(found.unread, key=lambda file: not file.is_history)
    if any(file.is_history or file.name == found.name for file in missed):
        raise CliError(f"{missed[0].name} {missed[0].reason}. Nothing was stored. {_WHAT_TO_GIVE}")
    if any(file.reason == _ACCOUNT_DATA for file in missed):
        raise CliError(f"{found.name} {_ACCOUNT_DATA}. Nothing was stored.")
    named = f" ({'; '.join(f'{file.name} {file.reason}' for file in missed[:_NAMED])})" if missed else ""
    raise CliError(f"{found.name} holds no streaming history{named}. Nothing was stored. {_WHAT_TO_GIVE}")


_NAMED = 3
_WHAT_TO_GIVE = (
    "Give the files Streaming_History_Audio_….json (before 2023: endsong_….json), or the zip they came in. "
    f"They are Spotify's “Extended streaming history”, to be requested at {PAGE}"
)
_ACCOUNT_DATA = (
    "is of Spotify's “Account data”, which names no track ids and holds one year only. Ask for the “Extended streaming "
    f"history” instead: at {PAGE}, under “Download your data”; it comes by e-mail within 30 days"
)
