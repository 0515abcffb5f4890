"""What was compressed where the image is built goes to browsers that know Brotli; others get the file as it is."""

from pathlib import Path

import pytest
from brotli_asgi import BrotliMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from precompressed import AcceptedEncodings, Precompressed, compress

SCRIPT = "".join(f"let name{n} = {n}\n" for n in range(500))


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """Serves /js/page.js, of which there is a compressed copy, and /page.txt, of which there is none."""
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "page.js").write_text(SCRIPT)
    (tmp_path / "page.txt").write_text(SCRIPT)
    compress(tmp_path)
    middleware = [
        Middleware(AcceptedEncodings),
        Middleware(BrotliMiddleware),
        Middleware(Precompressed, directory=tmp_path),
    ]
    return TestClient(Starlette(routes=[Mount("/", StaticFiles(directory=tmp_path))], middleware=middleware))


@pytest.mark.parametrize(
    ("encodings", "sent"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip;q=0.5, BR ; Q=0.001", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br; q=0.000", None),
        ("identity", None),
        ("identity;q=1, *;q=0", None),
    ],
)
def test_a_script_is_sent_as_it_was_compressed_to_whom_knows_it(
    client: TestClient, tmp_path: Path, encodings: str, sent: str | None
) -> None:
    answer = client.get("/js/page.js", headers={"Accept-Encoding": encodings})

    assert answer.text == SCRIPT
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers.get("Content-Encoding") == sent
    copy = (tmp_path / "js" / "page.js.br").stat().st_size
    assert (int(answer.headers.get("Content-Length", 0)) == copy) == (sent == "br")


def test_a_question_for_the_headers_alone_gets_those_of_the_copy(client: TestClient, tmp_path: Path) -> None:
    answer = client.head("/js/page.js", headers={"Accept-Encoding": "br"})
    copy = (tmp_path / "js" / "page.js.br").stat().st_size
    assert (answer.headers["Content-Encoding"], answer.headers["Content-Length"]) == ("br", str(copy))


@pytest.mark.parametrize(
    ("method", "part", "status"), [("POST", None, 405), ("GET", "lines=1-2", 400), ("GET", "bytes=99999-", 416)]
)
def test_a_refusal_is_not_labelled_as_a_compressed_script(
    client: TestClient, method: str, part: str | None, status: int
) -> None:
    headers = {"Accept-Encoding": "br"} | ({"Range": part} if part else {})
    answer = client.request(method, "/js/page.js", headers=headers)
    assert (answer.status_code, answer.headers.get("Content-Encoding")) == (status, None)


@pytest.mark.parametrize("path", ["/js/page.js", "/page.txt"])
@pytest.mark.parametrize("encodings", ["br", "gzip"])
def test_a_part_is_of_the_file_as_it_is(client: TestClient, path: str, encodings: str) -> None:
    """Where its bytes lie is counted in what is sent: a part of one form is no part of the other."""
    answer = client.get(path, headers={"Accept-Encoding": encodings, "Range": "bytes=1000-2999"})
    assert (answer.status_code, answer.headers.get("Content-Encoding")) == (206, None)
    assert answer.headers["Content-Range"] == f"bytes 1000-2999/{len(SCRIPT)}"
    assert answer.text == SCRIPT[1000:3000]


def test_only_scripts_and_styles_are_compressed_and_only_once(tmp_path: Path) -> None:
    for name in ("page.js", "page.css", "font.woff2", "done.js"):
        (tmp_path / name).write_text("text")
    (tmp_path / "done.js.br").write_bytes(b"copy")

    compress(tmp_path)

    assert {path.name for path in tmp_path.glob("*.br")} == {"page.js.br", "page.css.br", "done.js.br"}
    assert (tmp_path / "done.js.br").read_bytes() == b"copy"
