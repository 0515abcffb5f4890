"""The ledger records what each run did, once."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.faults.evidence import Evidence, Row, run_id_of

BRING_PLAYS = ("load", "undo", "repair")
"""Steps that publish `plays-loaded`."""


def every_slot_that_was_answered_has_its_row(evidence: Evidence) -> Iterator[str]:
    for attempt in evidence.attempts:
        state = attempt.answer.get("state")
        if attempt.status in (200, 503) and not evidence.rows_of(run_id_of(attempt.slot), "ingest", state):
            yield f"slot {attempt.slot} was answered {state}, but the ledger does not say so"


def every_run_is_named_after_its_slot(evidence: Evidence) -> Iterator[str]:
    """That of the schedule, or its own moment when it is forced."""
    for attempt in evidence.attempts:
        run_id = attempt.answer.get("run_id", run_id_of(attempt.slot))
        if run_id != run_id_of(attempt.slot):
            yield f"run {run_id} is that of slot {attempt.slot}"


def no_row_stands_twice_in_the_ledger(evidence: Evidence) -> Iterator[str]:
    """One for each attempt of ingest, each generation of a file, each message and batch, each command."""
    attempts = Counter(run_id_of(attempt.slot) for attempt in evidence.attempts)
    loads = [row for row in evidence.ledger if row["step"] == "load" and row["rows_new"]]
    messages = Counter(row["run_id"] for row in loads)
    for (run_id, step, *subject), count in Counter(map(_subject, evidence.ledger)).items():
        most = {"ingest": attempts[run_id], "transform": messages[run_id] or 1}.get(step, 1)
        if count > most:
            yield f"the ledger has {count} rows of {step} in run {run_id}, {most} at most can be: {subject}"


def _subject(row: Row) -> tuple[Any, ...]:
    match row["step"]:
        case "ingest":
            return row["run_id"], "ingest"
        case "load":
            return row["run_id"], "load", row["state"], row["details"]["generation"]
        case step:
            return row["run_id"], step, row["state"], row["reason"]


def ingest_succeeded_where_and_only_where_a_file_landed(evidence: Evidence) -> Iterator[str]:
    imports = {row["run_id"] for row in evidence.ledger if row["step"] == "import"}
    landed = {run_id: keys for run_id, keys in evidence.landed_keys.items() if run_id not in imports}
    succeeded = defaultdict[str, list[int]](list)
    for row in evidence.ledger:
        if (row["step"], row["state"]) == ("ingest", "succeeded"):
            succeeded[row["run_id"]].append(row["rows_new"])
    for run_id, counts in succeeded.items():
        if run_id not in landed:
            yield f"run {run_id} says succeeded and landed nothing"
        elif max(counts) != len(landed[run_id]):
            yield f"run {run_id} says {counts} new plays and landed {len(landed[run_id])}"
    for run_id in landed.keys() - succeeded.keys():
        if any(run_id_of(attempt.slot) == run_id and attempt.status == 200 for attempt in evidence.attempts):
            yield f"run {run_id} landed a file and was answered, but no row says succeeded"


def load_says_what_it_did(evidence: Evidence) -> Iterator[str]:
    """Every file has its row, and the new rows of all files together are the plays that are there."""
    rows = [row for row in evidence.ledger if row["step"] == "load"]
    for run_id, keys in evidence.landed_keys.items():
        mine = [row for row in rows if (row["run_id"], row["state"]) == (run_id, "succeeded")]
        if not mine:
            yield f"the file of run {run_id} has no row that says it was loaded"
            continue
        newest = max(mine, key=lambda row: int(row["details"]["generation"]))
        if newest["rows_in"] != len(keys):
            yield f"the file of run {run_id} held {len(keys)} plays, load says {newest['rows_in']}"
    for row in rows:
        is_undone = len(evidence.live_imports) < len(evidence.imports) and "was deleted before" in row["reason"]
        if row["state"] == "failed" and not is_undone:
            yield f"load refused the file of run {row['run_id']}: {row['reason']}"
    new = sum(row["rows_new"] or 0 for row in rows)
    if new != len(evidence.plays_before_repair) and not evidence.imports:
        yield f"load says {new} new plays, {len(evidence.plays_before_repair)} rows were there"


def every_load_that_brought_plays_was_announced_to_transform_trigger(evidence: Evidence) -> Iterator[str]:
    """An undo whose message could not be sent is repeated, and the repeat's run announced: both begin "Import ID"."""
    announced = {row["run_id"] for row in evidence.ledger if row["step"] == "transform"}
    undos = [row for row in evidence.ledger if row["step"] == "undo"]
    imports = {row["reason"].split()[1] for row in undos if row["run_id"] in announced}
    announced |= {row["run_id"] for row in undos if row["reason"].split()[1] in imports}
    for row in evidence.ledger:
        if row["step"] in BRING_PLAYS and row["rows_new"] and row["run_id"] not in announced:
            yield f"run {row['run_id']} brought {row['rows_new']} plays, and transform_trigger has no row of it"


def each_listener_recorded_as_polled_was_sent_a_page(evidence: Evidence) -> Iterator[str]:
    """In this attempt or, when the slot was landed before, in an earlier one."""
    shown_in: dict[datetime, set[str]] = defaultdict(set)
    for attempt in evidence.attempts:
        shown = shown_in[attempt.slot]
        shown |= {page.listener for page in attempt.pages}
        for name, part in attempt.answer.get("listeners", {}).items():
            if part["state"] in ("collected", "nothing_new") and name not in shown:
                yield f"slot {attempt.slot} calls {name} {part['state']}, and no page was asked for"
