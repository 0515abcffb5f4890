"""Reads every play of the laptop's warehouse with all that is told of it, in seconds even when there are years of them.

Google's client takes a second for a thousand wide rows, so BigQuery is asked for one row per track and place it was
played from, with its plays in a list.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud import ledger
from localcloud.gcp.set_up import ROOT

_TABLE = json.loads((ROOT / "functions/ingest/tables/plays.json").read_text())
_OF_A_PLAY = ("played_at", "run_id", "ingested_at")
COLUMNS = [column["name"] for column in _TABLE["columns"] if column["name"] not in _OF_A_PLAY]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SQL = f"""\
SELECT {", ".join(f"`{name}`" for name in COLUMNS)},
  STRING_AGG(CONCAT(CAST(UNIX_MILLIS(played_at) AS STRING), ' ', run_id), ',') AS played
FROM `{{dataset}}.plays`
GROUP BY {", ".join(f"`{name}`" for name in COLUMNS)}"""  # noqa: S608 -- names from the table's own file


def read_plays(settings: ledger.Settings) -> Iterator[dict[str, Any]]:
    """A row per stored play with all columns but ingested_at, in no order."""
    for group in ledger.read(settings, _SQL):
        about = {name: group[name] for name in COLUMNS}
        for played in group["played"].split(","):
            played_at_ms, run_id = played.split(" ")
            yield about | {"played_at": _EPOCH + timedelta(milliseconds=int(played_at_ms)), "run_id": run_id}
