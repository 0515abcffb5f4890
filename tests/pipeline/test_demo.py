"""`make demo`, shortened: the story is told, every figure is checked, and a figure that is not true is noticed."""

import subprocess
import sys

import pytest

from localcloud import demo_report
from localcloud.demo_checks import Check
from tests.pipeline.conftest import ROOT

pytestmark = [pytest.mark.spark, pytest.mark.timeout(300)]


def test_the_demo_lives_checks_and_reports(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "localcloud.demo", "--days", "1", "--until", "2026-11-20T12:30:00Z", "--data", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every figure above is true" in done.stdout
    assert "listener-three: consent was revoked, run `python -m cli authorize listener-three`" in done.stdout
    assert "Top ten of listener-one, 7 days to " in done.stdout
    for step in ("ingest      succeeded", "ingest      skipped", "load        succeeded", "top_tracks  succeeded"):
        assert step in done.stdout


def test_a_figure_that_is_not_true_is_named_with_both_values(tmp_path):
    checks = [Check("plays stored", 3, 3), Check("plays lost", 0, 1)]
    failed = [check for check in checks if not check.holds]
    assert demo_report.verdict(checks, failed, tmp_path) == (
        f"\n1 of 2 checks failed; logs and data are in {tmp_path}\n  ✗ plays lost: must be 0, is 1"
    )
