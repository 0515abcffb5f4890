"""`make demo`, shortened: the story is told, every figure is checked, and a figure that is not true is noticed."""

import os
import pty
import re
import subprocess
import sys
import time
from urllib.request import urlopen

import psutil
import pytest

from localcloud import dashboard_check, demo_report
from localcloud.demo_checks import Check
from tests.pipeline.conftest import ROOT

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]
SHORT = [sys.executable, "-m", "localcloud.demo", "--days", "1"]
STAYS, STOPPED = 500, 60
"""Seconds to wait at most; a loaded machine needs many of them."""


def test_the_demo_lives_checks_reports_and_opens_every_page(tmp_path):
    done = subprocess.run(
        [*SHORT, "--until", "2026-11-20T12:30:00Z", "--data", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "  The past: 59,291 plays in 39 files, one a month, went through the real load.\n" in done.stdout
    assert "every figure above is true" in done.stdout
    assert "listener-three: consent was revoked, run `python -m cli authorize listener-three`" in done.stdout
    assert "Top ten of listener-one, 7 days to " in done.stdout
    for step in ("ingest      succeeded", "ingest      skipped", "load        succeeded", "top_tracks  succeeded"):
        assert step in done.stdout
    opened = re.findall(r"^  ✓ (\w+) +\d+\.\d s$", done.stdout, re.MULTILINE)
    assert opened == dashboard_check.PAGES
    assert "✓ No page shows an error." in done.stdout


def test_on_a_terminal_it_stays_with_the_dashboard_until_ctrl_c(tmp_path):
    ours, its = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    streams = {"stdin": its, "stdout": its, "stderr": its}
    demo = subprocess.Popen([*SHORT, "--data", tmp_path], cwd=ROOT, env=environment, **streams, start_new_session=True)
    try:
        said = read_until(ours, demo, r"The dashboard: (http://127\.0\.0\.1:\d+) \(Ctrl-C stops everything\)")
        family = psutil.Process(demo.pid).children(recursive=True)
        with urlopen(said.group(1), timeout=60) as answer:
            assert (answer.status, b"<div id=" in answer.read()) == (200, True)
        demo.send_signal(2)
        assert demo.wait(STOPPED) == 0
        _, alive = psutil.wait_procs(family, timeout=10)
        assert [process.cmdline() for process in alive] == []
    finally:
        demo.kill()
        os.close(ours)
        os.close(its)


def read_until(terminal, process, pattern):
    """What the process says on its terminal, until it says this."""
    said, deadline = "", time.monotonic() + STAYS
    os.set_blocking(terminal, False)
    while not (found := re.search(pattern, said)):
        assert process.poll() is None, said[-3000:]
        assert time.monotonic() < deadline, said[-3000:]
        try:
            said += os.read(terminal, 65_536).decode(errors="replace")
        except BlockingIOError:
            time.sleep(0.2)
    return found


def test_a_figure_that_is_not_true_is_named_with_both_values(tmp_path):
    checks = [Check("plays stored", 3, 3), Check("plays counted twice", 0, 1)]
    failed = [check for check in checks if not check.holds]
    assert demo_report.verdict(checks, failed, tmp_path) == (
        f"\n1 of 2 checks failed; logs and data are in {tmp_path}\n  ✗ plays counted twice: must be 0, is 1"
    )
