import json
import shutil
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.errors import CliError
from cli.export_files import read_files
from cli.export_reading import read

EXAMPLES = Path(__file__).parent / "exports"
NEW, OLD, ACCOUNT = "Streaming_History_Audio_2023-2024_7.json", "endsong_0.json", "StreamingHistory_music_0.json"


def zipped(path, **contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(f"Spotify Extended Streaming History/{name}", content)
    return path


def example(name):
    return (EXAMPLES / name).read_bytes()


def names(paths):
    return [(file.name, file.package, len(file.rows)) for file in read_files(paths)]


def test_a_zip_is_read_without_being_unpacked_and_other_files_in_it_do_not_matter(tmp_path):
    others = {"ReadMeFirst.pdf": b"%PDF", "Playlist1.json": b"not JSON", "Streaming_History_Video_2024.json": b"[]"}
    path = zipped(tmp_path / "my_spotify_data.zip", **{NEW: example(NEW), OLD: example(OLD)}, **others)
    assert names([path]) == [
        ("my_spotify_data.zip: Streaming_History_Audio_2023-2024_7.json", str(path), 8),
        ("my_spotify_data.zip: Streaming_History_Video_2024.json", str(path), 0),
        ("my_spotify_data.zip: endsong_0.json", str(path), 3),
    ]


def test_the_folder_of_an_unpacked_zip_and_single_files_are_read_too(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(EXAMPLES / NEW, folder)
    (folder / "ReadMeFirst.pdf").write_bytes(b"%PDF")
    renamed = tmp_path / "whatever.txt"
    shutil.copy(EXAMPLES / OLD, renamed)
    assert names([folder, renamed]) == [
        (str(folder / NEW), str(folder), 8),
        ("whatever.txt", str(renamed), 3),
    ]


def test_a_byte_order_mark_is_no_damage(tmp_path):
    path = tmp_path / "history.json"
    path.write_bytes(b"\xef\xbb\xbf" + example(OLD))
    assert names([path]) == [("history.json", str(path), 3)]


ACCOUNT_DATA = (
    "is of Spotify's “Account data”, which names no track ids and holds one year only. Ask for the “Extended streaming "
    "history” instead: at https://www.spotify.com/account/privacy/, under “Download your data”"
)
NO_HISTORY = "Give the files Streaming_History_Audio_….json (before 2023: endsong_….json), or the zip they came in."


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", example(ACCOUNT), f"a.json {ACCOUNT_DATA}"),
        ("a.json", b'{"Payments": []}', f"a.json is not a streaming history. {NO_HISTORY}"),
        ("a.json", b"[]", f"a.json is not a streaming history. {NO_HISTORY}"),
        ("a.json", b'[{"playlist": "One"}, 3]', f"a.json is not a streaming history. {NO_HISTORY}"),
        (
            "a.json",
            example(NEW)[:-20],
            f"a.json is not JSON, or only a part of it is there. Nothing was stored. {NO_HISTORY}",
        ),
        ("a.json", b"", "a.json is not JSON"),
        ("a.json", b"\xff\xfe[]", "a.json is not JSON"),
        ("a.json", b"[" * 100_000, "a.json is not JSON"),
        ("a.zip", b"PK\x03\x04 cut off", "a.zip cannot be unpacked. Download the file again"),
    ],
)
def test_what_is_no_history_is_refused_with_what_to_do(tmp_path, name, content, sentence):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CliError) as refusal:
        names([path])
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        ({ACCOUNT: example(ACCOUNT), "Userdata.json": b"{}"}, f"my.zip {ACCOUNT_DATA}"),
        ({"Playlist1.json": b"{}"}, f"my.zip holds no streaming history. {NO_HISTORY}"),
        ({NEW: example(NEW)[:-9]}, f"my.zip: {NEW} is not JSON"),
        ({NEW: example(ACCOUNT)}, f"my.zip: {NEW} {ACCOUNT_DATA}"),
    ],
)
def test_a_zip_without_a_history_is_refused_with_what_to_do(tmp_path, contents, sentence):
    with pytest.raises(CliError) as refusal:
        names([zipped(tmp_path / "my.zip", **contents)])
    assert sentence in str(refusal.value)


def test_a_damaged_zip_and_a_missing_file_are_told(tmp_path):
    path = zipped(tmp_path / "my.zip", **{NEW: example(NEW)})
    content = bytearray(path.read_bytes())
    content[120:160] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(CliError, match=r"my\.zip: Streaming_History_Audio_2023-2024_7\.json cannot be unpacked"):
        names([path])
    with pytest.raises(CliError, match=r"nothing\.json cannot be read: No such file or directory"):
        names([tmp_path / "nothing.json"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300) | st.just(example(NEW)), st.integers(0, 4000), st.binary(max_size=8))
def test_whatever_bytes_come_they_are_a_history_or_refused_in_words(tmp_path, content, place, noise):
    """Also a good file with a little damage, alone and in a zip."""
    damaged = content[:place] + noise + content[place + len(noise) :]
    (tmp_path / "a.json").write_bytes(damaged)
    zipped(tmp_path / "good.zip", **{NEW: damaged})
    (tmp_path / "bad.zip").write_bytes((tmp_path / "good.zip").read_bytes()[:place] + noise)
    for name in ("a.json", "good.zip", "bad.zip"):
        try:
            reading = read(read_files([tmp_path / name]))
        except CliError as refusal:
            assert str(refusal).startswith(name)
        else:
            assert reading.rows == len(reading.plays) + reading.repeats + reading.left_out.total()


def test_every_row_is_accounted_for_and_repeats_keep_the_time_heard_longest(tmp_path):
    rows = json.loads(example(NEW))
    longer = rows[0] | {"ms_played": 190_000}
    path = tmp_path / "history.json"
    path.write_text(json.dumps([*rows, longer, rows[0], {"ts": "x", "ms_played": 1, "spotify_track_uri": "y"}]))
    reading = read(read_files([path, EXAMPLES / OLD, EXAMPLES / OLD]))

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
    assert reading.spans[str(EXAMPLES / OLD)] == (reading.plays[0].played_at, reading.plays[1].played_at)
