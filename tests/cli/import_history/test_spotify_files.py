import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import tarfile
import zipfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.commands.import_history.reading import archives, every_row, plays
from cli.commands.import_history.reading.archives import Budget
from cli.commands.import_history.reading.every_row import read
from cli.commands.import_history.reading.spotify_files import ExportFile, read_files
from cli.console import CliError

LONGEST_PATH = 4096
EXAMPLES = Path(__file__).parent / "exports"
NOW = datetime(2026, 11, 29, tzinfo=UTC)
ZIP_IN_ANOTHER = "is a zip in another one, or comes through a pipe. Save it as a file, and give that"
NEW, OLD, ACCOUNT = "Streaming_History_Audio_2023-2024_7.json", "endsong_0.json", "StreamingHistory_music_0.json"


def zipped(path, **contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(f"Spotify Extended Streaming History/{name}", content)
    return path


def example(name):
    return (EXAMPLES / name).read_bytes()


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def tarred(path, contents):
    with tarfile.open(path, "w") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path.read_bytes()


def found(*paths, budget=None):
    """Of each history its name, its place in the export and its rows; of each other file the name and the reason."""
    histories, others = [], {}
    for finding in read_files(paths, budget):
        if isinstance(finding, ExportFile):
            histories.append((finding.name, finding.number, len(list(finding.rows))))
        else:
            others[finding.name] = finding.reason
    return histories, others


def refusal(*paths, budget=None):
    with pytest.raises(CliError) as refused:
        found(*paths, budget=budget)
    return str(refused.value)


def test_a_zip_is_read_without_being_unpacked_and_every_other_file_is_named(tmp_path):
    others = {"ReadMeFirst.pdf": b"%PDF", "Playlist1.json": b"{}", "Streaming_History_Video_2024.json": b"[]"}
    path = zipped(tmp_path / "my_spotify_data.zip", **{NEW: example(NEW), OLD: example(OLD)}, **others)
    assert found(path) == (
        [
            ("my_spotify_data.zip: Streaming_History_Audio_2023-2024_7.json", 7, 8),
            ("my_spotify_data.zip: Streaming_History_Video_2024.json", None, 0),
            ("my_spotify_data.zip: endsong_0.json", 0, 3),
        ],
        {
            "my_spotify_data.zip: ReadMeFirst.pdf": "is a PDF",
            "my_spotify_data.zip: Playlist1.json": "holds a JSON object, or one on each line, not a list of rows",
        },
    )


def test_a_folder_is_read_with_those_in_it_and_single_files_may_have_any_name(tmp_path):
    folder = tmp_path / "my_spotify_data"
    inner = written(folder / "Spotify Extended Streaming History" / NEW, example(NEW))
    written(inner.parent / "ReadMeFirst.pdf", b"%PDF")
    written(folder / "__MACOSX" / f"._{NEW}", b"finder")
    renamed = written(tmp_path / "whatever.txt", example(OLD))
    assert found(folder, renamed) == (
        [(str(inner), 7, 8), ("whatever.txt", None, 3)],
        {str(inner.parent / "ReadMeFirst.pdf"): "is a PDF"},
    )


@pytest.mark.parametrize(
    ("name", "number", "is_video"),
    [
        ("endsong_0.json", 0, False),
        ("endsong_12.json", 12, False),
        ("endsong.json", None, False),
        ("endvideo.json", None, True),
        ("endsong_1 (1).json", 1, False),
        ("Copy of endsong_3.json", 3, False),
        ("Streaming_History_Audio_2021_1 (1).json", 1, False),
        ("Streaming_History_Audio_2014-2019_0.json", 0, False),
        ("Streaming_History_Audio_2021.json", None, False),
        ("Streaming_History_Audio_2021-2022.json", None, False),
        ("Streaming_History_Video_2018-2024.json", None, True),
        ("streaming_history_video_2018-2024_1.json", 1, True),
        ("my plays.json", None, False),
    ],
)
def test_the_name_says_only_which_part_of_the_history_a_file_is(tmp_path, name, number, is_video):
    written(tmp_path / "MyData" / name, example(OLD))
    [file] = read_files([tmp_path])
    assert (file.number, file.is_video) == (number, is_video)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + example(OLD), id="byte order mark"),
        pytest.param(example(OLD).decode().encode("utf-16"), id="UTF-16"),
        pytest.param(example(OLD).decode().encode("utf-16-be"), id="UTF-16, no byte order mark"),
        pytest.param(example(OLD).decode().encode("utf-32"), id="UTF-32"),
        pytest.param(example(OLD).replace(b"\n", b"\r\n"), id="line ends of Windows"),
        pytest.param(example(OLD).replace(b"{", b'{"more": ' + b"9" * 5000 + b", ", 1), id="an endless number"),
    ],
)
def test_a_file_is_read_in_every_form_in_which_people_have_it(tmp_path, content):
    assert found(written(tmp_path / "history", content)) == ([("history", None, 3)], {})
    assert found(zipped(tmp_path / "my.zip", **{OLD: content})) == ([("my.zip: endsong_0.json", 0, 3)], {})


def test_what_is_packed_in_another_way_than_spotifys_zip_is_named_with_the_next_step(tmp_path):
    """Also beside a history: the rest of it may lie in there."""
    folder, inner = tmp_path / "MyData", zipped(tmp_path / "inner.zip", **{OLD: example(OLD)}).read_bytes()
    unpack = "Unpack it first, and give the folder"
    packed = {
        "a.json.gz": (gzip.compress(example(OLD)), f"is packed with gzip. {unpack}"),
        "a.json.bz2": (bz2.compress(example(OLD)), f"is packed with bzip2. {unpack}"),
        "a.json.xz": (lzma.compress(example(OLD)), f"is packed with xz. {unpack}"),
        "a.tar": (tarred(tmp_path / "x", {OLD: example(OLD)}), f"is a tar archive. {unpack}"),
    }
    written(folder / "z.json", example(OLD))
    for name, (content, reason) in packed.items():
        assert refusal(written(folder / name, content)).startswith(f"{name} {reason}. Nothing was stored.")
    reasons = {name: reason for name, (_, reason) in packed.items()}
    assert found(folder)[1] == {str(folder / name): reason for name, reason in reasons.items()}
    reasons["inner.zip"] = ZIP_IN_ANOTHER
    contents = {name: content for name, (content, _) in packed.items()} | {"inner.zip": inner, OLD: example(OLD)}
    expected = [("outer.zip: endsong_0.json", 0, 3)], {f"outer.zip: {name}": reason for name, reason in reasons.items()}
    assert found(zipped(tmp_path / "outer.zip", **contents)) == expected


def test_zips_in_a_folder_are_read(tmp_path):
    path = zipped(written(tmp_path / "folder/x", b"").with_name("my.zip"), **{OLD: example(OLD)})
    assert found(tmp_path / "folder") == ([(f"{path}: endsong_0.json", 0, 3)], {str(path.with_name("x")): "is empty"})


def test_a_zip_through_a_pipe_is_to_be_given_as_a_file(tmp_path):
    read_end, write_end = os.pipe()
    os.write(write_end, zipped(tmp_path / "my.zip", **{OLD: example(OLD)}).read_bytes())
    os.close(write_end)
    assert f"{read_end} {ZIP_IN_ANOTHER}. Nothing was stored." in refusal(Path(f"/dev/fd/{read_end}"))
    os.close(read_end)


def test_two_paths_of_one_name_are_told_apart(tmp_path):
    paths = [zipped(written(tmp_path / name / "x", b"").with_name("my.zip"), **{OLD: example(OLD)}) for name in "ab"]
    assert found(*paths) == ([(f"{path}: {OLD}", 0, 3) for path in paths], {})
    broken = written(tmp_path / "c" / "my.zip", b"PK\x05\x06")
    assert refusal(paths[0], broken).startswith(f"{broken} cannot be unpacked.")


def test_the_archive_beside_the_folder_that_it_was_unpacked_to_is_left_alone(tmp_path):
    written(tmp_path / "MyData" / OLD, example(OLD))
    archive = zipped(tmp_path / "my_spotify_data.zip", **{OLD: example(OLD)})
    histories, others = found(tmp_path)
    assert (len(histories), others) == (
        1,
        {str(archive): "is a zip beside the history. Give it by itself if it holds another one"},
    )


@pytest.mark.parametrize("bens", [pytest.param(None, id="whole"), pytest.param(-20, id="cut off")])
def test_two_histories_at_one_path_are_not_mixed_unasked(tmp_path, bens):
    written(tmp_path / "anna" / OLD, example(OLD))
    written(tmp_path / "ben" / OLD, example(OLD)[:bens])
    sentence = f"{tmp_path} holds 2 histories: in {tmp_path / 'anna'}, in {tmp_path / 'ben'}. Nothing was stored."
    assert sentence in refusal(tmp_path)
    assert len(found(tmp_path / "anna", EXAMPLES / OLD)[0]) == 2


def test_the_backslashes_of_windows_lie_between_folders(tmp_path):
    with zipfile.ZipFile(tmp_path / "my.zip", "w") as archive:
        for name in ("anna\\endsong_0.json", "ben\\endsong_0.json", "__MACOSX\\._endsong_0.json"):
            archive.writestr(name, example(OLD))
        archive.writestr("anna\\", b"")
    sentence = f"my.zip holds 2 histories: in {tmp_path}/my.zip/anna, in {tmp_path}/my.zip/ben. Nothing was stored."
    assert sentence in refusal(tmp_path / "my.zip")


def test_a_link_is_not_followed_and_named(tmp_path):
    """Its file may be of the history, which then has a hole."""
    folder, link = tmp_path / "folder", "is a link to another file or folder. Give what it leads to by its own path"
    written(folder / OLD, example(OLD))
    (folder / "endsong_1.json").symlink_to("nowhere.json")
    (folder / "more").symlink_to(tmp_path, target_is_directory=True)
    names = [str(folder / name) for name in (OLD, "endsong_1.json", "more")]
    assert found(folder) == ([(names[0], 0, 3)], dict.fromkeys(names[1:], link))


def test_a_folder_that_cannot_be_listed_is_named_and_may_hold_any_part_of_the_history(tmp_path):
    folder = tmp_path / "MyData"
    written(folder / OLD, example(OLD))
    with deep_folder(folder) as deep:
        findings = read_all(folder)
    assert {name: (file.reason, file.is_history, file.is_video) for name, file in findings.items()} == {
        str(deep): ("cannot be read: File name too long", True, True)
    }


@contextmanager
def deep_folder(top):
    """The first folder below whose path is longer than any path that may be opened, by root neither.

    It goes: no other test could walk through the folders above.
    """
    name, folder = "x" * 250, top
    opened = os.open(folder, os.O_RDONLY)
    while len(bytes(folder)) < LONGEST_PATH:
        os.mkdir(name, dir_fd=opened)
        inner = os.open(name, os.O_RDONLY, dir_fd=opened)
        os.close(opened)
        folder, opened = folder / name, inner
    os.close(opened)
    yield folder
    shutil.rmtree(top / name)


@pytest.mark.parametrize(
    ("name", "why"), [("link", "Too many levels of symbolic links"), ("file/x", "Not a directory")]
)
def test_a_path_that_leads_to_no_file_is_named_with_the_reason(tmp_path, name, why):
    (tmp_path / "link").symlink_to("link")
    (tmp_path / "file").touch()
    path = tmp_path / name
    assert refusal(path).startswith(f"{path.name} cannot be read: {why}. Nothing was stored.")


def test_a_damaged_file_of_a_history_is_named_and_the_others_are_read(tmp_path):
    cut_off, other = example(NEW)[:2000], b"[1, 2]"
    path = zipped(tmp_path / "my.zip", **{NEW: cut_off, OLD: example(OLD), "endsong_1.json": b"", "Other.json": other})
    findings = list(read_files([path]))
    assert found(path)[0] == [(f"my.zip: {NEW}", 7, 2), ("my.zip: endsong_0.json", 0, 3)]
    unread = {finding.name[8:]: finding for finding in findings if not isinstance(finding, ExportFile)}
    assert {name: (file.reason, file.is_history) for name, file in unread.items()} == {
        "Other.json": ("holds no plays: its rows have no ts and ms_played", False),
        "endsong_1.json": ("is empty", True),
    }
    assert {name: file.is_history for name, file in read_all(path).items()} == {
        f"my.zip: {NEW}": True,
        "my.zip: Other.json": False,
        "my.zip: endsong_1.json": True,
    }


def read_all(path):
    """The unread files once every row was read."""
    return {file.name: file for file in read(read_files([path]), NOW).unread}


ACCOUNT_DATA = (
    "is of Spotify's “Account data”, which names no track ids and holds one year only. Ask for the “Extended streaming "
    "history” instead: at https://www.spotify.com/account/privacy/, under “Download your data”"
)
NO_HISTORY = (
    "Nothing was stored. Give the files Streaming_History_Audio_….json (before 2023: endsong_….json), or the zip they "
    "came in."
)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", example(ACCOUNT), f"a.json {ACCOUNT_DATA}"),
        (
            "a.json",
            b'{"Payments": []}',
            f"a.json holds a JSON object, or one on each line, not a list of rows. {NO_HISTORY}",
        ),
        ("a.json", b"[]", f"a.json is an empty list. {NO_HISTORY}"),
        (
            "a.json",
            b'[{"playlist": "One"}, 3]',
            f"a.json holds no plays: its rows have no ts and ms_played. {NO_HISTORY}",
        ),
        ("a.json", example(NEW)[:-20], f"a.json is not JSON, or only a part of it is there. {NO_HISTORY}"),
        ("a.json", b"", f"a.json is empty. {NO_HISTORY}"),
        ("a.json", b"\xff\xfe[]", "a.json is not JSON"),
        ("a.json", b"[" * 100_000, "a.json is not JSON"),
        (
            "a.json",
            b'[{"ts": "x", "ms_played": 1}]'.replace(b"x", "ä".encode("latin-1")),
            "a.json is not UTF-8, in which",
        ),
        ("a.json", b'["' + b"a" * 3_000_000 + b'"]', "a.json has a row of more than a million characters."),
        (
            "a.json",
            b'[{"ts": x}' + b', {"ts": "y"}' * 200_000 + b"]",
            "a.json is not JSON, or only a part of it is there.",
        ),
        (
            "a.json",
            b'{"ts": "x", "ms_played": 1}\n{"ts": "y", "ms_played": 1}',
            "a.json holds a JSON object, or one on each line, not a list of rows.",
        ),
        ("a.jsonl", b'{"listened_at": 1, "track_metadata": {}}\n', "a.jsonl holds a JSON object, or one on each line"),
        ("a.json", b'{"a": "' + b"a" * 3_000_000 + b'"}', "a.json holds a JSON object, or one on each line"),
        ("a.zst", b"\x28\xb5\x2f\xfd\x04", "a.zst is packed with Zstandard. Unpack it first"),
        ("a.zip", b"PK\x03\x04 cut off", "a.zip cannot be unpacked. Download the file again"),
        ("a.zip", b"PK\x05\x06" + bytes(18), f"a.zip holds no streaming history. {NO_HISTORY}"),
        ("a.zip", b" \n<!DOCTYPE html>", "a.zip is a web page, not the download itself. Sign in at Spotify"),
        ("a.zip", b"7z\xbc\xaf\x27\x1c", "a.zip is a 7-Zip archive. Unpack it first, and give the folder."),
    ],
)
def test_what_is_no_history_is_refused_with_what_was_found_and_what_to_do(tmp_path, name, content, sentence):
    path = written(tmp_path / name, content)
    with pytest.raises(CliError) as refused:
        read(read_files([path]), NOW)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        ({ACCOUNT: example(ACCOUNT), "Userdata.json": b"{}"}, f"my.zip {ACCOUNT_DATA}"),
        (
            {"Playlist1.json": b"{}"},
            "my.zip holds no streaming history (my.zip: Playlist1.json holds a JSON object, or one on each line, not a "
            "list of rows). "
            f"{NO_HISTORY}",
        ),
        ({NEW: example(NEW)[:-9]}, f"my.zip: {NEW} is not JSON"),
        ({NEW: example(ACCOUNT)}, f"my.zip: {NEW} {ACCOUNT_DATA}"),
    ],
)
def test_a_zip_without_a_history_is_refused_with_what_to_do(tmp_path, contents, sentence):
    with pytest.raises(CliError) as refused:
        read(read_files([zipped(tmp_path / "my.zip", **contents)]), NOW)
    assert sentence in str(refused.value)


def test_a_damaged_zip_the_end_of_one_a_password_and_a_missing_file_are_named(tmp_path):
    path = zipped(tmp_path / "my.zip", **{NEW: example(NEW)})
    content = bytearray(path.read_bytes())
    written(tmp_path / "end.zip", content[-100:])
    locked = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(signature) + offset] |= 1
    written(tmp_path / "locked.zip", locked)
    content[120:160] = bytes(40)
    path.write_bytes(content)
    assert f"my.zip: {NEW} cannot be unpacked. Download the file again" in refusal(path)
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as large:
        large.writestr(NEW, bytes(18 << 20))
    content = (tmp_path / "large.zip").read_bytes()
    written(tmp_path / "large.zip", content[: 1 << 20] + content[3 << 20 :])
    assert "cannot be unpacked. Download the file again" in refusal(tmp_path / "large.zip")
    assert "end.zip is the end of a zip whose beginning is missing. Download it again." in refusal(tmp_path / "end.zip")
    assert f"locked.zip: {NEW} needs a password. Unpack it by hand first" in refusal(tmp_path / "locked.zip")
    assert "nothing.json cannot be read: No such file or directory" in refusal(tmp_path / "nothing.json")


def test_what_is_packed_far_tighter_than_a_history_is_refused_by_name(tmp_path):
    path = zipped(tmp_path / "bomb", **{OLD: b"[" + b" " * (40 << 20) + b"]"})
    assert refusal(path).startswith("bomb: endsong_0.json is packed more than 200 to 1")


def test_what_one_command_reads_is_bounded(tmp_path):
    path = zipped(tmp_path / "my.zip", **{NEW: example(NEW), OLD: example(OLD)})
    read_before = path.stat().st_size + len(example(NEW))
    assert f"my.zip: {OLD} is too large" in refusal(path, budget=Budget(bytes_left=read_before + 10))
    assert f"more than 10,000 files up to my.zip: {NEW}" in refusal(path, budget=Budget(files_left=1))


def test_a_zip_that_says_too_much_of_its_files_is_refused_before_it_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_LISTED_BYTES", 30_000)
    path = zipped(tmp_path / "my", **{OLD: example(OLD)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"x" * 60_000
    assert "my says more of its files than 0 MB, which no export does" in refusal(path)


def test_the_names_of_all_tracks_are_bounded_and_those_of_accounts(tmp_path, monkeypatch):
    rows = [json.loads(example(OLD))[0] | {"username": str(number)} for number in range(200)]
    assert len(read(read_files([written(tmp_path / OLD, json.dumps(rows).encode())]), NOW).account_names) == 100
    # One track, however often it was played: its id and "One", "Ada", "First" are 33 letters.
    monkeypatch.setattr(plays, "_MOST_LETTERS", 33)
    assert read(read_files([tmp_path / OLD]), NOW).rows == 200
    with pytest.raises(CliError, match="The names of the tracks have more than 33 letters"):
        read(read_files([EXAMPLES / OLD]), NOW)


def test_rows_are_bounded_and_the_file_is_named(monkeypatch):
    monkeypatch.setattr(every_row, "MOST_ROWS", 10)
    with pytest.raises(CliError, match=r"endsong_0\.json: with it there are more than 10 rows"):
        read(read_files([EXAMPLES / NEW, EXAMPLES / OLD]), NOW)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.just(example(NEW)), st.integers(0, 4000), st.binary(max_size=8))
def test_whatever_bytes_come_they_are_a_history_or_refused_in_words(tmp_path, content, place, noise):
    """Also a good file with a little damage, alone and in a zip."""
    damaged = content[:place] + noise + content[place + len(noise) :]
    (tmp_path / "a.json").write_bytes(damaged)
    zipped(tmp_path / "good.zip", **{NEW: damaged})
    (tmp_path / "bad.zip").write_bytes((tmp_path / "good.zip").read_bytes()[:place] + noise)
    for name in ("a.json", "good.zip", "bad.zip"):
        try:
            reading = read(read_files([tmp_path / name]), NOW)
        except CliError as refusal:
            assert str(refusal).startswith(name)
        else:
            assert reading.rows == len(reading.plays) + reading.repeats + reading.left_out.total()


def test_every_row_is_accounted_for_and_repeats_keep_the_longest_time_played(tmp_path):
    rows = json.loads(example(NEW))
    longer = rows[0] | {"ms_played": 190_000}
    path = tmp_path / "history.json"
    path.write_text(json.dumps([*rows, longer, rows[0], {"ts": "x", "ms_played": 1, "spotify_track_uri": "y"}]))
    reading = read(read_files([path, EXAMPLES / OLD, EXAMPLES / OLD]), NOW)

    assert reading.rows == 11 + 3 + 3
    assert [play.ms_played for play in reading.plays] == [240_000, 29_999, 190_000, 4_210, 201_000]
    assert reading.repeats == 1 + 2 + 2
    assert dict(reading.left_out) == {
        **{"podcast episode": 3, "audiobook": 1, "local file": 1, "no track id": 1},
        "unreadable": 1,
    }
    assert reading.rows == len(reading.plays) + reading.repeats + sum(reading.left_out.values())
    [unreadable] = reading.unreadable
    assert (unreadable.file, unreadable.index) == ("history.json", 10)
    assert [(file.name, len(file.instants)) for file in reading.files] == [
        ("history.json", 6),
        ("endsong_0.json", 2),
        ("endsong_0.json", 2),
    ]
