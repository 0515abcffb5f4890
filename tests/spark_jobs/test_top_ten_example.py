"""The example of docs/top-ten.md, given to both implementations: the Spark job and the recount."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession

from localcloud.demo import recount
from spark_jobs.top_tracks import top_tracks
from tests.spark_jobs.frames import AS_OF, BATCH, ROOT, bare_play, rows_of, summaries_frame, text

pytestmark = pytest.mark.spark


def example(name: str) -> list[dict[str, str]]:
    """The rows of a table in docs/top-ten.md, by column."""
    page = (ROOT / "docs" / "top-ten.md").read_text()
    [table] = re.findall(rf"<!-- example: {name} -->\n(.*?)\n<!-- end -->", page, re.DOTALL)
    heads, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
    return [dict(zip(heads, row, strict=True)) for row in rows]


def plays() -> list[dict[str, Any]]:
    return [
        bare_play(
            row["track_id"],
            played_at=datetime.fromisoformat(row["played_at"]).replace(tzinfo=UTC),
            isrc=row["isrc"] or None,
            source=row["source"],
            ms_played=int(row["ms_played"]) if row["ms_played"] else None,
            duration_ms=int(row["duration_ms"]) if row["duration_ms"] else None,
        )
        for row in example("plays")
    ]


def shown(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    wanted = example("top ten")[0].keys()
    week = [row for row in rows if row["period"] == "last_7_days"]
    return [{name: "" if row[name] is None else str(row[name]) for name in wanted} for row in week]


def test_spark_gives_the_rows_of_the_example(spark: SparkSession) -> None:
    assert shown(rows_of(top_tracks(summaries_frame(spark, plays()), BATCH))) == example("top ten")


def test_the_recount_gives_the_rows_of_the_example() -> None:
    once = list({(row["played_at"], row["track_id"]): row for row in plays()}.values())
    rows = recount.top_tracks(once, AS_OF)
    instants = ("first_played_at", "last_played_at")
    assert shown([{**row, **{name: text(row[name]) for name in instants}} for row in rows]) == example("top ten")
