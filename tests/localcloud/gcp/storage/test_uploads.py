"""Uploads to Cloud Storage in pieces: lost requests and answers, damage, and uploads that never end."""

import io
from pathlib import Path
from typing import Any

import pytest
import requests
from google.api_core.exceptions import BadRequest
from google.cloud import storage

from localcloud.faults import Fault
from tests.localcloud.conftest import BUCKET


def test_a_large_file_is_uploaded_in_pieces(bucket: storage.Bucket) -> None:
    content = bytes(range(256)) * 4_000  # 1,024,000 bytes: three pieces of 256 KiB and a shorter one
    blob = bucket.blob("large.bin", chunk_size=256 * 1024)
    blob.upload_from_file(io.BytesIO(content), content_type="application/x-large", if_generation_match=0)

    seen = bucket.get_blob("large.bin")

    assert seen.download_as_bytes() == content
    assert (seen.content_type, seen.size) == ("application/x-large", 1_024_000)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_upload_in_pieces_survives_lost_requests_and_lost_answers(
    google: Any, bucket: storage.Bucket, when: str
) -> None:
    google.faults.order(Fault("gcp PUT /(resumable/)?upload/", when=when, skip=1, times=1, action="drop"))
    content = bytes(range(256)) * 4_000

    bucket.blob("large.bin", chunk_size=256 * 1024).upload_from_file(io.BytesIO(content))

    assert bucket.blob("large.bin").download_as_bytes() == content
    assert google.faults.take("gcp PUT /upload/", "drop", when=when) is None


def _start_upload(google: Any, **query: str) -> str:
    url = f"{google.url}/upload/storage/v1/b/{BUCKET}/o"
    answer = requests.post(url, params={"uploadType": "resumable", "name": "a.bin", **query}, json={}, timeout=5)
    return answer.headers["Location"]


def _put(location: str, content_range: str, content: bytes = b"", **headers: str) -> tuple[int, str | None]:
    answer = requests.put(location, data=content, headers={"Content-Range": content_range, **headers}, timeout=5)
    return answer.status_code, answer.headers.get("Range")


def test_a_resumable_upload_reports_its_progress(google: Any, bucket: storage.Bucket) -> None:
    location = _start_upload(google)

    assert _put(location, "bytes */10") == (308, None)
    assert _put(location, "bytes 0-3/10", b"0123") == (308, "bytes=0-3")
    assert _put(location, "bytes */10") == (308, "bytes=0-3")
    # A piece that starts before the end of what is there: only its rest is new.
    assert _put(location, "bytes 2-5/*", b"2345") == (308, "bytes=0-5")
    assert _put(location, "bytes 8-9/10", b"89") == (400, None)
    assert _put(location, "bytes 6-9/10", b"6789") == (200, None)
    assert _put(location, "bytes */10") == (200, None)
    assert bucket.blob("a.bin").download_as_bytes() == b"0123456789"


def test_an_upload_that_ends_in_the_middle_leaves_nothing(start_cloud: Any, tmp_path: Path) -> None:
    with start_cloud(tmp_path) as cloud:
        cloud.storage.create_bucket({"name": BUCKET})
        location = _start_upload(cloud)
        _put(location, "bytes 0-3/10", b"0123")
        assert cloud.storage.names(BUCKET) == []

    with start_cloud(tmp_path) as cloud:
        assert cloud.storage.names(BUCKET) == []
    assert [path for path in tmp_path.rglob("*") if path.parent.name in ("drafts", BUCKET)] == []


def test_a_resumable_upload_meets_its_precondition_when_it_is_complete(google: Any, bucket: storage.Bucket) -> None:
    location = _start_upload(google, ifGenerationMatch="0")
    bucket.blob("a.bin").upload_from_string("another was faster")

    assert _put(location, "bytes 0-3/4", b"slow")[0] == 412
    assert _put(location, "bytes */4")[0] == 404
    assert bucket.blob("a.bin").download_as_bytes() == b"another was faster"


def test_content_that_was_damaged_on_the_way_is_refused(google: Any, bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.crc32c = "AAAAAA=="
    with pytest.raises(BadRequest, match=r'Provided CRC32C ."AAAAAA==." doesn.t match calculated CRC32C ."mnG7TA==."'):
        blob.upload_from_string("hello", checksum=None)
    location = _start_upload(google)
    status, _ = _put(location, "bytes 0-4/5", b"hello", **{"X-Goog-Hash": "crc32c=AAAAAA=="})

    assert status == 400
    assert list(bucket.list_blobs()) == []
    assert list((google.directory / "drafts").iterdir()) == []
