"""The rule by which two rows are one play exists once; the numbers around it are the same everywhere."""

import importlib

import pytest

from cli import export_rows, import_comparison, plays_files
from spark_jobs import top_tracks


def test_the_numbers_of_the_rule_are_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    import known_plays
    import merge

    monkeypatch.syspath_prepend("dashboard")
    history = importlib.import_module("history")
    apart_ms = merge.APART.total_seconds() * 1000
    assert f"apart_ms <= {apart_ms:.0f}\n" in import_comparison.rule()
    assert merge.APART == import_comparison.APART == known_plays._EXPORT_APART
    assert plays_files._PAUSE == 2 * merge.APART
    assert f"ms_played >= {export_rows.COUNTS_FROM_MS})" in import_comparison.rule()
    assert export_rows.COUNTS_FROM_MS == top_tracks.EXPORT_COUNTS_FROM_MS == history.EXPORT_COUNTS_FROM_MS
