"""One Spark batch at a time, the last of all plays; top ten and list of tracks are what a recount gives."""

import re
from collections.abc import Iterator
from itertools import pairwise

from localcloud.demo.recount import completed, differing_tracks, top_tracks
from tests.faults.evidence import Batch, Evidence, described, row_key


def batches_are_what_the_ledger_says(evidence: Evidence) -> Iterator[str]:
    known = {batch.batch_id: batch for batch in evidence.batches}
    for row in evidence.ledger:
        named = re.search(r"\btop-tracks-[0-9a-z-]+", row["reason"] or "")
        if row["step"] == "transform" and row["state"] != "failed" and (not named or named[0] not in known):
            yield f"run {row['run_id']}: {row['reason']!r}, but there is no such batch"
        died = row["step"] == "top_tracks" and row["state"] == "failed"
        if died and (not named or known[named[0]].state not in ("FAILED", "CANCELLED")):
            yield f"run {row['run_id']}: {row['reason']!r}, but the batch did not fail"


def never_do_two_batches_run_at_once(evidence: Evidence) -> Iterator[str]:
    batches = sorted(evidence.batches, key=lambda batch: batch.created_at)
    for earlier, later in pairwise(batches):
        if later.created_at < earlier.ended_at:
            yield f"{later.batch_id} was created while {earlier.batch_id} was active"


def _last_batch(evidence: Evidence) -> Batch:
    succeeded = (batch for batch in evidence.batches if batch.state == "SUCCEEDED")
    return max(succeeded, key=lambda batch: batch.created_at)


def the_last_batch_has_seen_every_play(evidence: Evidence) -> Iterator[str]:
    if not any(batch.state == "SUCCEEDED" for batch in evidence.batches):
        yield "no batch succeeded"
        return
    last = _last_batch(evidence)
    for key in sorted({row_key(row) for row in evidence.plays} - last.seen):
        yield f"{last.batch_id} is the last batch and has not seen {described(key)}"
    for key in sorted(last.seen - {row_key(row) for row in evidence.plays}):
        yield f"{last.batch_id} is the last batch and has seen {described(key)}, which is gone"
    if evidence.plays and last.as_of < max(row["played_at"] for row in evidence.plays):
        yield f"{last.batch_id} leaves out plays after {last.as_of}"


def the_top_ten_is_what_a_recount_gives(evidence: Evidence) -> Iterator[str]:
    if evidence.top_tracks is None:
        return
    last = _last_batch(evidence)
    run_id = last.batch_id.removeprefix("top-tracks-").split("-")[0].upper()
    if not evidence.rows_of(run_id, "top_tracks", "succeeded"):
        yield f"{last.batch_id} succeeded, and the ledger has no row of it"
    rows = [{name: row[name] for name in row if name not in ("run_id", "computed_at")} for row in evidence.top_tracks]
    order, plays = ("listener_id", "period", "position"), completed(evidence.plays, evidence.catalogue)
    found = sorted(rows, key=lambda row: [row[name] for name in order])
    for ours, theirs in zip(found, top_tracks(plays, last.as_of), strict=True):
        if ours != theirs:
            yield f"top_tracks has {ours}, a recount gives {theirs}"


def the_list_of_tracks_is_what_a_recount_gives(evidence: Evidence) -> Iterator[str]:
    if evidence.tracks is None:
        return
    plays = completed(evidence.plays, evidence.catalogue)
    for listener, track in differing_tracks(evidence.tracks, plays, _last_batch(evidence).as_of):
        yield f"tracks has {track} of {listener} with values that no recount gives"
