"""What was compressed where the image is built goes to browsers that know Brotli; others get the file as it is."""

from pathlib import Path

import pytest
from brotli_asgi import BrotliMiddleware
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from precompressed import Precompressed, compress


@pytest.mark.parametrize(("encodings", "sent"), [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("identity", None)])
def test_a_script_is_sent_as_it_was_compressed_to_whom_knows_it(tmp_path: Path, encodings: str, sent: str | None):
    script = tmp_path / "js" / "page.js"
    script.parent.mkdir()
    script.write_text("".join(f"let name{n} = {n}\n" for n in range(500)))
    compress(tmp_path)
    app = BrotliMiddleware(Precompressed(StaticFiles(directory=tmp_path), tmp_path))

    answer = TestClient(app).get("/js/page.js", headers={"Accept-Encoding": encodings})

    assert answer.text == script.read_text()
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers.get("Content-Encoding") == sent
    copy = (tmp_path / "js" / "page.js.br").stat().st_size
    assert (int(answer.headers.get("Content-Length", 0)) == copy) == (sent == "br")


def test_only_scripts_and_styles_are_compressed_and_only_once(tmp_path: Path) -> None:
    for name in ("page.js", "page.css", "font.woff2", "done.js"):
        (tmp_path / name).write_text("text")
    (tmp_path / "done.js.br").write_bytes(b"copy")

    compress(tmp_path)

    assert {path.name for path in tmp_path.glob("*.br")} == {"page.js.br", "page.css.br", "done.js.br"}
    assert (tmp_path / "done.js.br").read_bytes() == b"copy"
