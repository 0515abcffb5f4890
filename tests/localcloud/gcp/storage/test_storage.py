"""Cloud Storage as google-cloud-storage sees it; resumable uploads are in test_uploads.py."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import (
    BadRequest,
    Conflict,
    MethodNotImplemented,
    NotFound,
    PreconditionFailed,
    RequestRangeNotSatisfiable,
)
from google.cloud import storage

from localcloud.clock import Clock
from tests.localcloud.conftest import BUCKET, running_cloud


def test_an_upload_comes_back_with_content_metadata_and_checksums(bucket: storage.Bucket) -> None:
    blob = bucket.blob("plays/a.csv")
    blob.metadata = {"run": "20261122T100000Z"}
    blob.upload_from_string("hello", content_type="text/csv")

    seen = bucket.get_blob("plays/a.csv")

    assert seen.download_as_bytes() == b"hello"
    # Both checksums of "hello", from openssl and from RFC 3720's polynomial by hand.
    assert (seen.size, seen.md5_hash, seen.crc32c) == (5, "XUFAKrxLKna5cZ2REBfFkg==", "mnG7TA==")
    assert (seen.content_type, seen.metadata, seen.metageneration) == ("text/csv", {"run": "20261122T100000Z"}, 1)
    assert seen.generation == blob.generation
    assert datetime.now(UTC) - seen.time_created < timedelta(minutes=1)


def test_of_32_writers_who_each_want_to_be_first_exactly_one_wins(bucket: storage.Bucket) -> None:
    def write(writer: int) -> str:
        try:
            bucket.blob("one.csv").upload_from_string(f"writer {writer}", if_generation_match=0)
        except PreconditionFailed:
            return "412"
        return f"writer {writer}"

    with ThreadPoolExecutor(32) as pool:
        outcomes = list(pool.map(write, range(32)))

    (winner,) = [outcome for outcome in outcomes if outcome != "412"]
    assert bucket.blob("one.csv").download_as_text() == winner


def _contents(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in (directory / "objects").iterdir()]


def test_an_overwritten_object_has_a_new_generation_and_the_old_one_is_gone(
    google: Any, bucket: storage.Bucket
) -> None:
    bucket.blob("a").upload_from_string("old")
    old = bucket.get_blob("a").generation
    bucket.blob("a").upload_from_string("new")

    seen = bucket.get_blob("a")

    assert seen.generation > old
    assert bucket.get_blob("a", generation=old) is None
    with pytest.raises(NotFound, match="No such object: landing/a"):
        bucket.blob("a", generation=old).download_as_bytes()
    assert (b"new" in _contents(google.directory), b"old" in _contents(google.directory)) == (True, False)


@pytest.mark.parametrize(
    ("exists", "conditions", "outcome"),
    [
        (False, {"if_generation_match": 0}, "written"),
        (True, {"if_generation_match": 0}, "412"),
        (False, {"if_generation_match": "its"}, "412"),
        (True, {"if_generation_match": "its"}, "written"),
        (True, {"if_generation_match": 1}, "412"),
    ],
)
def test_a_write_whose_precondition_fails_changes_nothing(
    bucket: storage.Bucket, exists: bool, conditions: dict[str, Any], outcome: str
) -> None:
    its_generation = 123
    if exists:
        bucket.blob("a").upload_from_string("before")
        its_generation = bucket.get_blob("a").generation
    conditions = {name: its_generation if value == "its" else value for name, value in conditions.items()}

    try:
        bucket.blob("a").upload_from_string("after", **conditions)
        happened = "written"
    except PreconditionFailed:
        happened = "412"

    assert happened == outcome
    expected = b"after" if outcome == "written" else b"before" if exists else None
    seen = bucket.get_blob("a")
    assert (seen and seen.download_as_bytes()) == expected


def test_deletes_and_reads_keep_to_their_precondition(google: Any, bucket: storage.Bucket) -> None:
    bucket.blob("a").upload_from_string("deleted")
    blob = bucket.get_blob("a")

    with pytest.raises(PreconditionFailed):
        bucket.delete_blob("a", if_generation_match=1)
    with pytest.raises(PreconditionFailed):
        blob.download_as_bytes(if_generation_match=1)
    bucket.delete_blob("a", if_generation_match=blob.generation)

    assert bucket.get_blob("a") is None
    assert b"deleted" not in _contents(google.directory)
    with pytest.raises(NotFound):
        bucket.delete_blob("a")


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(0, 0, b"0"), (3, 6, b"3456"), (8, 100, b"89"), (7, None, b"789")]
)
def test_a_part_of_an_object_can_be_read(bucket: storage.Bucket, start: int, end: int | None, expected: bytes) -> None:
    bucket.blob("a").upload_from_string("0123456789")
    assert bucket.blob("a").download_as_bytes(start=start, end=end) == expected


def test_a_range_behind_the_end_is_refused(bucket: storage.Bucket) -> None:
    bucket.blob("a").upload_from_string("0123456789")
    with pytest.raises(RequestRangeNotSatisfiable):
        bucket.blob("a").download_as_bytes(start=10)


def test_a_copy_keeps_metadata_and_has_a_generation_of_its_own(bucket: storage.Bucket) -> None:
    source = bucket.blob("plays/a.csv")
    source.metadata = {"run": "1"}
    source.upload_from_string("hello", content_type="text/csv")
    source.reload()
    copied = bucket.copy_blob(source, bucket, "copy.csv", source_generation=source.generation, if_generation_match=0)

    seen = bucket.get_blob("copy.csv")
    assert (seen.download_as_bytes(), seen.content_type, seen.metadata) == (b"hello", "text/csv", {"run": "1"})
    assert seen.generation == copied.generation != source.generation
    with pytest.raises(PreconditionFailed):
        bucket.copy_blob(source, bucket, "copy.csv", if_generation_match=0)
    with pytest.raises(NotFound):
        bucket.copy_blob(source, bucket, "x", source_generation=1)


def test_a_listing_has_a_prefix_and_pages(bucket: storage.Bucket) -> None:
    for name in ("a.csv", "plays/2026/1.csv", "plays/2026/2.csv", "plays/2027/1.csv", "plays/x.csv", "z"):
        bucket.blob(name).upload_from_string(name)

    pages = [[blob.name for blob in one] for one in bucket.list_blobs(prefix="plays/", page_size=3).pages]

    assert pages == [["plays/2026/1.csv", "plays/2026/2.csv", "plays/2027/1.csv"], ["plays/x.csv"]]
    assert [blob.name for blob in bucket.list_blobs(prefix="plays/2026")] == ["plays/2026/1.csv", "plays/2026/2.csv"]
    assert [blob.name for blob in bucket.list_blobs(max_results=2)] == ["a.csv", "plays/2026/1.csv"]
    with pytest.raises(BadRequest, match="Invalid page token"):
        list(bucket.list_blobs(page_token="x"))


ODD_NAMES = [
    "ü/日本.csv",
    "a%2Fb",
    "a b",
    "a+b&c=d",
    "what?#1",
    "quo\"te's",
    "back\\slash",
    "😀",
    "../x",
    "a//b",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_kept_to_the_letter(bucket: storage.Bucket, name: str) -> None:
    bucket.blob(name).upload_from_string("odd")
    bucket.copy_blob(bucket.get_blob(name), bucket, f"copies/{name}")

    assert bucket.blob(f"copies/{name}").download_as_bytes() == b"odd"
    assert [blob.name for blob in bucket.list_blobs()] == sorted([name, f"copies/{name}"])
    bucket.delete_blob(name)
    assert bucket.get_blob(name) is None


@pytest.mark.parametrize("name", ["..", ".", "x" * 1025, "a\nb", "nul\0"])
def test_a_name_that_no_object_can_have_is_refused(bucket: storage.Bucket, name: str) -> None:
    with pytest.raises(BadRequest, match="Invalid object name"):
        bucket.blob(name).upload_from_string("x")


def test_a_bucket_is_made_once_and_must_exist(bucket: storage.Bucket) -> None:
    client = bucket.client
    with pytest.raises(Conflict):
        client.create_bucket(BUCKET)
    for touch in (
        lambda missing: missing.blob("a").upload_from_string("x"),
        lambda missing: missing.blob("a").download_as_bytes(),
        lambda missing: list(missing.list_blobs()),
    ):
        with pytest.raises(NotFound):
            touch(client.bucket("missing"))
    with pytest.raises(BadRequest):
        client.create_bucket("a..b/../../c")


def test_a_generation_is_never_used_twice_even_when_the_clock_was_put_back(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        cloud.storage.create_bucket({"name": BUCKET})
        first = cloud.storage.write(BUCKET, "a", b"1")
        cloud.storage.delete(BUCKET, "a")

    clock = Clock()
    clock.set(datetime(2020, 1, 1, tzinfo=UTC))
    with running_cloud(tmp_path, clock=clock) as cloud:
        second = cloud.storage.write(BUCKET, "a", b"2")
    assert int(second["generation"]) == int(first["generation"]) + 1


def test_what_a_crash_has_left_of_a_replaced_content_is_gone_after_a_restart(tmp_path: Path) -> None:
    with running_cloud(tmp_path) as cloud:
        cloud.storage.create_bucket({"name": BUCKET})
        old = cloud.storage.write(BUCKET, "a", b"old")
        cloud.storage.write(BUCKET, "a", b"new")
    # As a process leaves it that dies right after the commit:
    (tmp_path / "objects" / old["generation"]).write_bytes(b"old")

    with running_cloud(tmp_path) as cloud:
        assert cloud.storage.read(BUCKET, "a") == b"new"
    assert (b"new" in _contents(tmp_path), b"old" in _contents(tmp_path)) == (True, False)


def test_a_directory_of_0_1_0_begins_with_empty_buckets_and_keeps_no_file(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as db, db:
        db.execute("CREATE TABLE objects (bucket TEXT, name TEXT, draft TEXT, resource TEXT)")
    for folder in ("buckets/landing", "drafts"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.csv").write_bytes(b"plays")

    with running_cloud(tmp_path) as cloud:
        cloud.storage.create_bucket({"name": BUCKET})
        cloud.storage.write(BUCKET, "a.csv", b"new")
        assert cloud.storage.names(BUCKET) == ["a.csv"]
    assert b"plays" not in [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]


def test_an_object_whose_file_a_person_has_deleted_can_be_overwritten_and_deleted(
    google: Any, bucket: storage.Bucket
) -> None:
    store = google.storage
    store.write(BUCKET, "a", b"old")
    for do in (lambda: store.write(BUCKET, "a", b"new"), lambda: store.delete(BUCKET, "a")):
        store.read_object(f"gs://{BUCKET}/a").unlink()
        do()
    assert store.names(BUCKET) == []


def test_all_names_are_more_than_a_page(google: Any, bucket: storage.Bucket) -> None:
    for number in range(1001):
        google.storage.write(BUCKET, f"{number:04}", b"")
    assert len(google.storage.names(BUCKET)) == 1001


def test_what_is_not_imitated_says_so(google: Any, bucket: storage.Bucket) -> None:
    with pytest.raises(MethodNotImplemented, match="does not imitate the parameter versions"):
        list(bucket.list_blobs(versions=True, retry=None))
    with pytest.raises(MethodNotImplemented, match="does not imitate the parameter ifMetagenerationMatch"):
        bucket.blob("a").upload_from_string("x", if_metageneration_match=1, retry=None)
    blob = bucket.blob("a")
    blob.content_encoding = "gzip"
    with pytest.raises(MethodNotImplemented, match=r"does not imitate objects\.contentEncoding"):
        blob.upload_from_string("x", retry=None)
