"""A browser is found on the path, else where Playwright keeps its own; without either an error says what to install."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud import chromium
from localcloud.gcp.set_up import ROOT


def bare(home: Path) -> dict[str, str]:
    """Settings with which only the programs in this folder are found, and nothing is downloaded."""
    own = {"PLAYWRIGHT_BROWSERS_PATH": str(home / "own"), "PLAYWRIGHT_DOWNLOAD_HOST": "http://127.0.0.1:9"}
    return {"PATH": str(home / "bin"), "HOME": str(home), **own}


@pytest.fixture
def run(tmp_path):
    """`python -m localcloud.chromium`, or any code, on a machine that has these programs and nothing else."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command, environ = [sys.executable, *arguments], bare(tmp_path) | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100, check=False)

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


def test_without_a_browser_and_without_a_download_the_error_says_what_to_install(tmp_path, monkeypatch, capsys):
    """In this process and without Playwright's download, which takes 20 s to fail."""
    tried = []
    for name, value in bare(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(subprocess, "run", lambda command, *, check: tried.append((command, check)))
    monkeypatch.delitem(sys.modules, "localcloud.chromium")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("localcloud.chromium", run_name="__main__")
    assert ended.value.code == 1
    assert tried == [([sys.executable, "-m", "playwright", "install", "chromium"], False)]
    output = capsys.readouterr()
    assert "downloading Playwright's own" in output.out
    assert output.err.splitlines()[-1] == chromium.MISSING
    assert "apt-get install chromium" in chromium.MISSING


def test_make_test_asks_for_a_browser_before_it_checks_anything():
    done = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 0 < done.stdout.index("-m localcloud.chromium") < done.stdout.index("ruff check")
