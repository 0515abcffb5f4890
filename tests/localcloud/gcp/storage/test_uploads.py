"""Resumable uploads to Cloud Storage: lost requests and answers, preconditions, damage."""

import io
from typing import Any

import pytest
import requests
from google.api_core.exceptions import BadRequest, MethodNotImplemented
from google.cloud import storage

from localcloud.faults import Fault
from tests.localcloud.conftest import BUCKET


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_resumable_upload_survives_a_lost_request_and_a_lost_answer(
    google: Any, bucket: storage.Bucket, when: str
) -> None:
    google.faults.order(Fault("gcp PUT /(resumable/)?upload/", when=when, times=1, action="drop"))
    content = bytes(range(256)) * 4_000
    blob = bucket.blob("large.bin")
    blob.upload_from_file(io.BytesIO(content), content_type="application/x-large", if_generation_match=0)

    seen = bucket.get_blob("large.bin")

    assert seen.download_as_bytes() == content
    assert (seen.content_type, seen.size) == ("application/x-large", 1_024_000)
    assert google.faults.take("gcp PUT /upload/", "drop", when=when) is None


def test_an_upload_in_pieces_is_refused_by_name(bucket: storage.Bucket) -> None:
    blob = bucket.blob("large.bin", chunk_size=256 * 1024)
    with pytest.raises(MethodNotImplemented, match=r"does not imitate a piece of an upload .bytes 0-262143/\*"):
        blob.upload_from_file(io.BytesIO(bytes(300_000)))
    assert bucket.get_blob("large.bin") is None


def _start_upload(google: Any, **query: str) -> str:
    url = f"{google.url}/upload/storage/v1/b/{BUCKET}/o"
    answer = requests.post(url, params={"uploadType": "resumable", "name": "a.bin", **query}, json={}, timeout=5)
    return answer.headers["Location"]


def test_a_resumable_upload_meets_its_precondition_when_its_content_comes(google: Any, bucket: storage.Bucket) -> None:
    location = _start_upload(google, ifGenerationMatch="0")
    bucket.blob("a.bin").upload_from_string("another was faster")

    assert requests.put(location, data=b"slow", timeout=5).status_code == 412
    assert bucket.blob("a.bin").download_as_bytes() == b"another was faster"


def test_content_that_was_damaged_on_the_way_is_refused(google: Any, bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.crc32c = "AAAAAA=="
    with pytest.raises(BadRequest, match=r'Provided CRC32C ."AAAAAA==." doesn.t match calculated CRC32C ."mnG7TA==."'):
        blob.upload_from_string("hello", checksum=None)
    location = _start_upload(google)
    answer = requests.put(location, data=b"hello", headers={"X-Goog-Hash": "crc32c=AAAAAA=="}, timeout=5)

    assert answer.status_code == 400
    assert list(bucket.list_blobs()) == []
