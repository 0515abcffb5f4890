"""The rule by which two rows are one play exists once; the numbers around it are the same everywhere."""

import importlib
from datetime import timedelta

import pytest

import gaps
import merge
from cli import warehouse
from cli.commands.import_history import landing
from cli.commands.import_history.reading import play_times, spotify_rows
from spark_jobs import top_tracks


def to_ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


def test_the_numbers_of_the_rule_are_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend("dashboard")
    history = importlib.import_module("analysis.history")
    rule, apart, pause = warehouse.same_play_rule(), gaps._EXPORT_APART, timedelta(hours=2)
    assert f"is_open AND apart_ms <= {to_ms(apart)} AND is_counted" in rule
    assert f"MILLISECOND) BETWEEN 0 AND {to_ms(pause)}" in rule
    assert merge.REACH == landing.REACH == pause + apart
    assert (play_times.LATEST, apart) == (merge.LATEST, play_times.APART)
    assert f"COALESCE(export.ms_played, {spotify_rows.COUNTS_FROM_MS}) >= {spotify_rows.COUNTS_FROM_MS}" in rule
    assert spotify_rows.COUNTS_FROM_MS == top_tracks.EXPORT_COUNTS_FROM_MS == history.EXPORT_COUNTS_FROM_MS
