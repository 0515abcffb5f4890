"""`make demo`, shortened: the story runs, every figure is checked, and a figure that is not true is noticed."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.request import urlopen

import psutil
import pytest

from localcloud import supervisor
from localcloud.demo import __main__ as demo
from localcloud.demo import pages as demo_pages
from localcloud.demo import report as demo_report
from localcloud.demo.proofs import Check
from tests.pipeline.conftest import ROOT, command_line, survivors

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]
SHORT = [sys.executable, "-m", "localcloud.demo", "--days", "1"]
STAYS, STOPPED = 500, 60
"""Seconds to wait at most; a loaded machine needs many of them."""


@contextmanager
def on_a_terminal(*command):
    """The process, and the end of the terminal at which its output can be read."""
    ours, its = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    streams = {"stdin": its, "stdout": its, "stderr": its}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, **streams, start_new_session=True)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(its)


def test_the_demo_lives_checks_reports_and_stays_with_the_dashboard_until_ctrl_c(tmp_path):
    with on_a_terminal(*SHORT, "--data", tmp_path) as (process, terminal):
        output = read_until(terminal, process, r"The dashboard: (http://127\.0\.0\.1:\d+) \(Ctrl-C stops everything\)")
        text = output.string
        assert re.search(
            r"  The past: \d\d,\d{3} plays in (38|39|40) files, one a month, went through the real load\.", text
        )
        assert "every figure above is true" in text
        assert "listener-three: consent was revoked, run `python -m cli authorize listener-three`" in text
        assert "Top ten of listener-one, 7 days to " in text
        for step in ("ingest      succeeded", "ingest      skipped", "load        succeeded", "top_tracks  succeeded"):
            assert step in text
        with urlopen(output.group(1), timeout=60) as answer:
            assert (answer.status, b"<div id=" in answer.read()) == (200, True)

        opened = list(demo_pages.open_pages(supervisor.attach(tmp_path)))
        assert [page.page for page in opened] == demo_pages.PAGES
        assert [page for page in opened if page.fault] == []
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(STOPPED) == 0
        assert survivors(family) == []


def test_a_directory_that_holds_something_else_is_not_emptied(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("a year's work")
    with pytest.raises(SystemExit) as stopped:
        demo.main(["--data", str(tmp_path)])
    assert stopped.value.code == 2
    assert f"--data {tmp_path} would be emptied, and holds something else" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_demo_that_is_stopped_while_the_past_is_landed_leaves_no_process_behind(tmp_path):
    demo = subprocess.Popen([*SHORT, "--data", tmp_path], cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    family, deadline = [], time.monotonic() + STAYS
    while not any("localcloud.demo.land_past" in line for line in map(command_line, family)):
        assert demo.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
        family = psutil.Process(demo.pid).children(recursive=True)
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(STOPPED) == 1
    assert survivors(family) == []


@pytest.mark.parametrize(
    ("is_terminal", "environ", "opens"),
    [(True, {}, False), (True, {"CI": "false"}, False), (True, {"CI": "true"}, True), (False, {}, True)],
)
def test_every_page_is_opened_where_no_person_sits_before_the_dashboard(is_terminal, environ, opens):
    assert demo.opens_every_page(environ, is_terminal=is_terminal) == opens


def read_until(terminal, process, pattern):
    """What the process says on its terminal, until it says this."""
    output, deadline = "", time.monotonic() + STAYS
    os.set_blocking(terminal, False)
    while not (found := re.search(pattern, output)):
        assert process.poll() is None, output[-3000:]
        assert time.monotonic() < deadline, output[-3000:]
        try:
            output += os.read(terminal, 65_536).decode(errors="replace")
        except BlockingIOError:
            time.sleep(0.2)
    return found


def test_a_figure_that_is_not_true_is_named_with_both_values(tmp_path):
    checks = [Check("plays stored", 3, 3), Check("plays counted twice", 0, 1)]
    failed = [check for check in checks if not check.holds]
    assert demo_report.verdict(checks, failed, tmp_path) == (
        f"\n1 of 2 checks failed; logs and data are in {tmp_path}\n  ✗ plays counted twice: must be 0, is 1"
    )
