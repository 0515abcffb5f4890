"""Which bars of a long axis have a name."""

import pandas as pd
import pytest

from charts import bars


@pytest.mark.parametrize(
    ("first", "count", "missing", "named"),
    [
        ("2017-11", 24, [], None),
        ("2017-11", 25, [], ["2018-01", "2019-01"]),
        ("2017-11", 105, [], ["2018-01", "2020-01", "2022-01", "2024-01", "2026-01"]),
        ("2020-01", 60, [], ["2020-01", "2021-01", "2022-01", "2023-01", "2024-01"]),
        ("2020-01", 48, ["2020-05", "2021-01"], ["2020-01", "2022-01", "2023-01"]),
        ("2020-02", 35, ["2021-01"], None),
        ("2020-02", 35, ["2021-01", "2022-01"], None),
    ],
)
def test_of_years_of_months_januaries_have_a_name(
    first: str, count: int, missing: list[str], named: list[str] | None
) -> None:
    months = pd.period_range(first, periods=count, freq="M")
    labels = [str(month) for month in months if str(month) not in missing]

    assert bars.januaries(labels, [int(label[5:]) for label in labels]) == named
