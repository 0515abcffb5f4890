"""What BigQuery would bill: sizes as its documentation gives them, and the figures that decision 10 gives."""

import re
from datetime import UTC, datetime

import pandas as pd
import pytest

from benchmarks.dashboard.__main__ import (
    BILLED_LIMIT_MEGABYTES,
    first_load_megabytes,
    invented_runs,
    later_load_megabytes,
    unlisted_megabytes,
    up_to_now,
)
from benchmarks.dashboard.billed import EVERY_COLUMN, billed_megabytes, column_bytes, scanned_bytes
from benchmarks.dashboard.plays import plays
from localcloud.gcp.set_up import ROOT

DECISION = (ROOT / "docs/decisions/0010-what-the-first-load-bills.md").read_text()


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return up_to_now(plays())


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series(["", "ab", "ü", None], name="track_name"), 2 + 4 + 4),
        (pd.Series([1, 2, None], name="duration_ms"), 16),
        (pd.Series([0.5, None], name="energy"), 8),
        (pd.Series([True, False], name="explicit"), 2),
        (pd.Series([datetime(2026, 1, 1, tzinfo=UTC)], name="played_at"), 8),
        (pd.Series([None, None], name="popularity"), 0),
    ],
)
def test_a_column_takes_what_the_documentation_says(column: pd.Series, expected: int):
    assert column_bytes(column) == expected


def test_a_query_is_billed_for_every_column_it_names_and_for_ten_megabytes_at_least():
    one = pd.DataFrame({"listener_id": ["ania"], "track_id": ["a" * 22], "track_name": ["Song"], "run_id": ["x"]})
    assert scanned_bytes("plays", one) == 6 + 24
    assert scanned_bytes("tracks", one) == 6 + 24 + 6
    assert scanned_bytes(EVERY_COLUMN, one) == 6 + 24 + 6 + 3
    assert billed_megabytes("tracks", one) == 10


def test_the_decision_gives_the_figures_of_the_benchmark(rows: pd.DataFrame):
    sentences = {
        "The first version that a server sees bills {} MB": first_load_megabytes(rows),
        "every later one {} MB": later_load_megabytes(rows),
        "read from the plays: {} MB for ten years": unlisted_megabytes(rows),
        "has left a new row: {} MB": billed_megabytes("runs", pd.DataFrame(invented_runs())),
        "first load\nbills {} MB": first_load_megabytes(rows, listeners=5),
        "a download of everything {} MB": billed_megabytes(EVERY_COLUMN, rows, listeners=5),
    }
    assert [text.format(figure) for text, figure in sentences.items() if text.format(figure) not in DECISION] == []
    assert re.search(r"`MAXIMUM_BYTES_BILLED`, is therefore\n500 MB", DECISION)


def test_no_version_bills_more_than_the_limit(rows: pd.DataFrame):
    assert first_load_megabytes(rows) <= BILLED_LIMIT_MEGABYTES
    assert later_load_megabytes(rows) <= BILLED_LIMIT_MEGABYTES
