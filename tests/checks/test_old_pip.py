"""The functions' requirements install with the pip that came with Python 3.12.0."""

import subprocess
import sys

import pytest

from checks.tools import ROOT

pytestmark = pytest.mark.timeout(400)  # three calls of must

FUNCTIONS = ["ingest", "load", "transform_trigger"]
OLD_PIP = "pip==23.2.1 --hash=sha256:7ccf472345f20d35bdc9d1841ff5f313260c2c33fe417f48c30ac46cccabf5be\n"
NO_REGISTRY = (
    "Failed to establish a new connection",
    "Could not connect",
    "name resolution",
    "Failed to fetch",
    "timed out",
)


@pytest.fixture(scope="module")
def old_python(tmp_path_factory):
    """A Python with that pip and nothing else."""
    directory = tmp_path_factory.mktemp("old-pip")
    (directory / "pip.txt").write_text(OLD_PIP)
    uv = str(ROOT / ".venv/bin/uv")
    must([uv, "venv", "--quiet", "--python", sys.executable, str(directory / "venv")])
    python = str(directory / "venv/bin/python")
    must([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(directory / "pip.txt")])
    return python


def must(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    except subprocess.TimeoutExpired:
        pytest.skip("the package registry is too slow")
    if any(sign in done.stderr for sign in NO_REGISTRY):
        pytest.skip("the package registry cannot be reached")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_old_pip_takes_what_the_functions_need_with_every_hash(old_python):
    """All three at once, which is quicker: they are compiled together and pin the same versions."""
    pip = [old_python, "-m", "pip", "--disable-pip-version-check", "install", "--dry-run", "--require-hashes"]
    files = [part for name in FUNCTIONS for part in ("-r", str(ROOT / f"functions/{name}/requirements.txt"))]
    [taken] = [line for line in must([*pip, *files]).splitlines() if line.startswith("Would install ")]
    assert {"functions-framework", "google-cloud-pubsub", "google-cloud-secret-manager", "google-cloud-dataproc"} <= {
        package.rsplit("-", 1)[0] for package in taken.split()[2:]
    }
