"""A browser is found on the path, else where Playwright keeps its own; without either an error says what to install."""

import subprocess
import sys
from pathlib import Path

import pytest

from localcloud import chromium
from localcloud.gcp.set_up import ROOT


@pytest.fixture
def run(tmp_path):
    """`python -m localcloud.chromium`, or any code, on a machine that has these programs and nothing else."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        bare = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "own")}
        # No server listens there: nothing is downloaded.
        bare |= {"PLAYWRIGHT_DOWNLOAD_HOST": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=bare | environ, capture_output=True, text=True, timeout=100, check=False)

    return run


FIND = ("-c", "from localcloud import chromium; print(chromium.find())")


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_systems_browser_comes_first(run, tmp_path):
    program(tmp_path / "bin" / "google-chrome")
    chosen = program(tmp_path / "bin" / "chromium")
    assert run(*FIND).stdout.strip() == str(chosen)
    assert run("-m", "localcloud.chromium").returncode == 0


def test_playwrights_own_is_found_where_playwright_keeps_it(run):
    place = "from playwright.sync_api import sync_playwright as s\nwith s() as d: print(d.chromium.executable_path)"
    own = program(Path(run("-c", place).stdout.strip()))
    assert run(*FIND).stdout.strip() == str(own)


def test_without_a_browser_and_without_a_download_the_error_says_what_to_install(run):
    assert run(*FIND).stdout.strip() == "None"
    done = run("-m", "localcloud.chromium")
    assert done.returncode == 1
    assert "downloading Playwright's own" in done.stdout
    assert done.stderr.splitlines()[-1] == chromium.MISSING
    assert "apt-get install chromium" in chromium.MISSING


def test_make_test_asks_for_a_browser_before_it_checks_anything():
    done = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 0 < done.stdout.index("-m localcloud.chromium") < done.stdout.index("ruff check")
