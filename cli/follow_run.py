"""Which step a run waits for, read from its rows in the ledger. Pure."""

from collections.abc import Sequence

from cli.warehouse import Row

STEPS = ("ingest", "load", "transform", "top_tracks")
IMPORT = "import"
"""The first step of a run that lands plays of an export; no ingest comes before it."""
_WAITING_FOR = {
    "ingest": "ingest to ask Spotify",
    "load": "load to merge the plays",
    "transform": "transform_trigger to submit the Spark batch",
    "top_tracks": "the Spark batch (about three minutes in the cloud)",
}


def awaited_step(rows: Sequence[Row]) -> str | None:
    """The step whose row is still to come; None once the run has come to its end, good or bad.

    A step that failed or was skipped has no successor, nor has a load that found nothing new.
    """
    newest = {row["step"]: row for row in sorted(rows, key=lambda row: row["finished_at"])}
    first = IMPORT if IMPORT in newest else STEPS[0]
    for step in (first, *STEPS[1:]):
        row = newest.get(step)
        if row is None:
            return step
        if row["state"] != "succeeded" or (step == "load" and not row["rows_new"]):
            return None
    return None


def outcome(rows: Sequence[Row]) -> str:
    """failed when the newest row of any step says so, else how the run's first step ended."""
    newest = {row["step"]: row["state"] for row in sorted(rows, key=lambda row: row["finished_at"])}
    return "failed" if "failed" in newest.values() else newest.get(IMPORT) or newest["ingest"]


def waiting_for(step: str) -> str:
    return _WAITING_FOR[step]
