"""What must be true after every storm. Each check yields a sentence for each thing that is not.

They work from the invented Spotify's own memory and from the landed files, never from what the functions say of
themselves; where the functions say something (the ledger), it is held against that.
"""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from localcloud.demo.recount import differing_tracks, top_tracks
from localcloud.listeners.lives import Play
from tests.faults.evidence import Batch, Evidence, Key, Row, as_exported, row_key
from tests.ingest.harness import expected_row

Check = Callable[[Evidence], Iterator[str]]
_LONGEST_RUN = timedelta(hours=3)
"""From the slot to the last retry: the schedule may call an hour late."""
_FORCED_AHEAD = timedelta(minutes=-1)
"""In the last minute before a slot a forced run may have this slot."""


def problems(evidence: Evidence) -> list[str]:
    """All that is wrong, in the order of CHECKS; nothing when the promise was kept."""
    return [f"{check.__name__}: {sentence}" for check in CHECKS for sentence in check(evidence)]


def every_play_that_a_finished_run_was_shown_is_stored(evidence: Evidence) -> Iterator[str]:
    for key in sorted(evidence.promised - evidence.stored):
        yield f"lost: {_told(key)}"


def every_play_on_any_page_is_stored_or_inside_a_gap(evidence: Evidence) -> Iterator[str]:
    """A run that died took its page with it; the next one shows the same plays, or there is a gap."""
    stored = evidence.stored
    for page in evidence.pages:
        for key in page.keys - stored:
            cannot_be_told = _is_before_the_first(evidence, key) or _is_out_of_order(evidence, evidence.truth[key])
            if not cannot_be_told and not _in_a_gap(evidence, key):
                yield f"lost without a trace: {_told(key)}, shown at {page.at:%d %H:%M:%S}"


def no_play_is_stored_twice(evidence: Evidence) -> Iterator[str]:
    for key, count in Counter(map(evidence.true_key, evidence.plays)).items():
        if count > 1:
            yield f"stored {count} times: {_told(key)}"


def every_doubled_play_was_noticed(evidence: Evidence) -> Iterator[str]:
    """By the load of a file that holds it, in the ledger and in the log; and nothing else was called doubled."""
    noticed = {row["run_id"] for row in evidence.ledger if row.get("error_class") == "PlaysDoubled"}
    landed = _landed_keys(evidence)
    for key in sorted(evidence.doubled):
        if not any({key, as_exported(key)} & landed[run_id] for run_id in noticed & landed.keys()):
            yield f"stored twice, and no load has noticed: {_told(key)}"
    if bool(noticed) != any('"Plays are stored twice"' in text for text in evidence.other_texts):
        yield f"runs {sorted(noticed)} in the ledger, and the log says otherwise"
    if noticed and not evidence.doubled:
        yield f"runs {sorted(noticed)} call plays doubled, and none was"


def every_stored_play_is_true_in_every_column(evidence: Evidence) -> Iterator[str]:
    truth, shown = evidence.truth, {key for page in evidence.pages for key in page.keys}
    for row in evidence.plays:
        key = evidence.true_key(row)
        if row["source"] == "export":
            yield from _untrue_columns(row, _exported_row(truth[key], row))
            continue
        if key not in shown:
            yield f"stored, but on no page: {_told(key)}"
            continue
        if not _FORCED_AHEAD < row["ingested_at"] - _slot(row["run_id"]) < _LONGEST_RUN:
            yield f"{_told(key)}: run {row['run_id']} cannot have written it at {row['ingested_at']}"
        heard = row["ms_played_import_id"]
        expected = expected_row(truth[key], run_id=row["run_id"], ingested_at=row["ingested_at"])
        expected |= _completed(truth[key], heard) if heard else {}
        yield from _untrue_columns(row, expected)


def _completed(play: Play, import_id: str) -> Row:
    """What an export adds to a row of the API. It tells whole seconds."""
    over_at = play.played_at.replace(microsecond=0)
    return {
        **{"ms_played": play.ms_played, "ms_played_import_id": import_id},
        "reported_at": None if over_at == play.played_at else over_at,
    }


def _untrue_columns(row: Row, expected: Row) -> Iterator[str]:
    for column, value in row.items():
        if value != expected[column]:
            yield f"{_told(row_key(row))}: {column} is {value!r}, in truth {expected[column]!r}"


def _exported_row(play: Play, row: Row) -> Row:
    """A play that only an import has brought, as an export has it."""
    track = play.track
    return dict.fromkeys(row) | {
        **{name: row[name] for name in ("run_id", "ingested_at", "import_id")},
        **{"listener_id": play.listener, "played_at": play.played_at.replace(microsecond=0), "track_id": track.id},
        **{"track_name": track.name, "artist_name": track.album.artists[0].name, "album_name": track.album.name},
        **{"ms_played": play.ms_played, "source": "export", "ms_played_import_id": row["import_id"]},
    }


def nothing_is_left_of_an_import_that_was_undone(evidence: Evidence) -> Iterator[str]:
    """And what is marked as an import's is that of one that is recorded."""
    live = evidence.live_imports
    for row in evidence.plays:
        if {row["import_id"], row["ms_played_import_id"]} - live - {None}:
            yield f"{_told(row_key(row))} is still there from an import that was undone"
    for row in evidence.imports:
        if row["undone_at"] and not row["undo_finished_at"]:
            yield f"import {row['import_id']} is half undone"
    for name, content in evidence.landed.items():
        of_import = {row["import_id"] for row in csv.DictReader(io.StringIO(content))} - {""}
        if of_import - live:
            yield f"{name} is still there from an import that was undone"


def every_command_of_the_owners_ends_in_a_sentence(evidence: Evidence) -> Iterator[str]:
    yield from evidence.broken_commands


def every_stored_play_is_in_the_file_of_its_run(evidence: Evidence) -> Iterator[str]:
    """And with it every file is in the warehouse, whole."""
    in_files = {(run_id, key) for run_id, keys in _landed_keys(evidence).items() for key in keys}
    for row in evidence.plays:
        if (row["run_id"], row_key(row)) not in in_files:
            yield f"{_told(row_key(row))} is not in the file of run {row['run_id']}"
    stored = {row_key(row) for row in evidence.plays}
    stored |= set(map(as_exported, stored))
    for run_id, key in sorted(in_files):
        if key not in stored:
            yield f"{_told(key)} was landed by run {run_id} and never loaded"


def every_play_that_was_missed_is_inside_a_gap(evidence: Evidence) -> Iterator[str]:
    """Those that left Spotify's 50 between two pages; not those that appeared behind what was known already."""
    stored = evidence.stored
    for key, play in evidence.truth.items():
        is_told = _in_a_gap(evidence, key) or _is_before_the_first(evidence, key)
        if key not in stored and _was_passed_over(evidence, play) and not is_told:
            yield f"missed without a gap: {_told(key)}"


def no_gap_is_told_where_nothing_is_missing(evidence: Evidence) -> Iterator[str]:
    """In a run that nothing disturbed. Exactly 50 new plays look like more than 50: nobody can know.

    What was missing then may have come later, with a page of hours ago.
    """
    run_ids = {row_key(row): row["run_id"] for row in evidence.plays}
    imported = {row["listener_id"] for row in evidence.imports}
    for gap in evidence.gaps:
        if gap["listener_id"] in imported:
            continue  # What an import stores is no proof that nothing is missing.
        attempt = next(a for a in evidence.attempts if _run_id(a.slot) == gap["run_id"])
        if attempt.had_trouble:
            continue
        inside = [(key, play.visible_at) for key, play in evidence.truth.items() if _is_inside(gap, key)]
        is_missing = any(
            visible_at and (key not in run_ids or (run_ids[key] > gap["run_id"] and visible_at <= gap["detected_at"]))
            for key, visible_at in inside
        )
        if not is_missing and not _is_exactly_one_page(evidence, gap):
            yield f"a gap of {gap['listener_id']} from {gap['gap_start']} to {gap['gap_end']} holds no lost play"


def every_gap_is_told_once(evidence: Evidence) -> Iterator[str]:
    for key, count in Counter((g["listener_id"], g["gap_start"], g["gap_end"]) for g in evidence.gaps).items():
        if count > 1:
            yield f"the gap {key} stands {count} times"


def every_slot_that_was_answered_has_its_row(evidence: Evidence) -> Iterator[str]:
    for attempt in evidence.attempts:
        state = attempt.answer.get("state")
        if attempt.status in (200, 503) and not _rows(evidence, _run_id(attempt.slot), "ingest", state):
            yield f"slot {attempt.slot} was answered {state}, but the ledger does not say so"


def every_run_is_named_after_its_slot(evidence: Evidence) -> Iterator[str]:
    """That of the schedule, or its own moment when it is forced."""
    for attempt in evidence.attempts:
        run_id = attempt.answer.get("run_id", _run_id(attempt.slot))
        if run_id != _run_id(attempt.slot):
            yield f"run {run_id} is that of slot {attempt.slot}"


def no_outcome_stands_twice_in_the_ledger(evidence: Evidence) -> Iterator[str]:
    for key, count in Counter((row["run_id"], row["step"], row["state"]) for row in evidence.ledger).items():
        if count > 1:
            yield f"the ledger has {count} rows for {key}"


def ingest_succeeded_where_and_only_where_a_file_landed(evidence: Evidence) -> Iterator[str]:
    imports = {row["run_id"] for row in evidence.ledger if row["step"] == "import"}
    landed = {run_id: keys for run_id, keys in _landed_keys(evidence).items() if run_id not in imports}
    succeeded = {
        row["run_id"]: row for row in evidence.ledger if (row["step"], row["state"]) == ("ingest", "succeeded")
    }
    for run_id, row in succeeded.items():
        if run_id not in landed:
            yield f"run {run_id} says succeeded and landed nothing"
        elif row["rows_new"] != len(landed[run_id]):
            yield f"run {run_id} says {row['rows_new']} new plays and landed {len(landed[run_id])}"
    for run_id in landed.keys() - succeeded.keys():
        if any(_run_id(attempt.slot) == run_id and attempt.status == 200 for attempt in evidence.attempts):
            yield f"run {run_id} landed a file and was answered, but no row says succeeded"


def load_says_what_it_did(evidence: Evidence) -> Iterator[str]:
    """Every file has its row, and the new rows of all files together are the plays that are there."""
    rows = [row for row in evidence.ledger if row["step"] == "load"]
    for run_id, keys in _landed_keys(evidence).items():
        mine = [row for row in rows if (row["run_id"], row["state"]) == (run_id, "succeeded")]
        if not mine:
            yield f"the file of run {run_id} has no row that says it was loaded"
        elif mine[0]["rows_in"] != len(keys):
            yield f"the file of run {run_id} held {len(keys)} plays, load says {mine[0]['rows_in']}"
    for row in rows:
        is_undone = len(evidence.live_imports) < len(evidence.imports) and "was deleted before" in row["reason"]
        if row["state"] == "failed" and not is_undone:
            yield f"load refused the file of run {row['run_id']}: {row['reason']}"
    new = sum(row["rows_new"] or 0 for row in rows)
    if new != len(evidence.plays_before_repair) and not evidence.imports:
        yield f"load says {new} new plays, {len(evidence.plays_before_repair)} rows were there"


def every_load_that_brought_plays_was_told_to_transform_trigger(evidence: Evidence) -> Iterator[str]:
    told = {row["run_id"] for row in evidence.ledger if row["step"] == "transform"}
    for row in evidence.ledger:
        if row["step"] in ("load", "undo", "repair") and row["rows_new"] and row["run_id"] not in told:
            yield f"run {row['run_id']} brought {row['rows_new']} plays, and transform_trigger has no row of it"


def who_is_called_heard_was_shown_a_page(evidence: Evidence) -> Iterator[str]:
    """In this attempt or, when the slot was landed before, in an earlier one."""
    shown_in: dict[datetime, set[str]] = defaultdict(set)
    for attempt in evidence.attempts:
        shown = shown_in[attempt.slot]
        shown |= {page.listener for page in attempt.pages}
        for name, told in attempt.answer.get("listeners", {}).items():
            if told["state"] in ("collected", "nothing_new") and name not in shown:
                yield f"slot {attempt.slot} calls {name} {told['state']}, and no page was asked for"


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
        yield f"{last.batch_id} is the last batch and has not seen {_told(key)}"
    for key in sorted(last.seen - {row_key(row) for row in evidence.plays}):
        yield f"{last.batch_id} is the last batch and has seen {_told(key)}, which is gone"
    if evidence.plays and last.as_of < max(row["played_at"] for row in evidence.plays):
        yield f"{last.batch_id} leaves out plays after {last.as_of}"


def the_top_ten_is_what_a_recount_gives(evidence: Evidence) -> Iterator[str]:
    if evidence.top_tracks is None:
        return
    last = _last_batch(evidence)
    run_id = last.batch_id.removeprefix("top-tracks-").split("-")[0].upper()
    if not _rows(evidence, run_id, "top_tracks", "succeeded"):
        yield f"{last.batch_id} succeeded, and the ledger has no row of it"
    rows = [{name: row[name] for name in row if name not in ("run_id", "computed_at")} for row in evidence.top_tracks]
    order = ("listener_id", "period", "position")
    found = sorted(rows, key=lambda row: [row[name] for name in order])
    for ours, theirs in zip(found, top_tracks(evidence.plays, last.as_of), strict=True):
        if ours != theirs:
            yield f"top_tracks has {ours}, a recount gives {theirs}"


def the_list_of_tracks_is_what_a_recount_gives(evidence: Evidence) -> Iterator[str]:
    if evidence.tracks is None:
        return
    for listener, track in differing_tracks(evidence.tracks, evidence.plays, _last_batch(evidence).as_of):
        yield f"tracks tells {track} of {listener} as no recount does"


def in_the_end_everybody_is_heard(evidence: Evidence) -> Iterator[str]:
    """In the last slot every trouble is over, every consent is given, and everybody has played something."""
    last = evidence.attempts[-1]
    for name in evidence.lives:
        told = last.answer.get("listeners", {}).get(name, {})
        if (last.status, told.get("state"), told.get("error_class")) != (200, "collected", None):
            yield f"the last run answered {last.status} and calls {name} {told.get('state')}: {told.get('reason')}"


def nothing_is_left_undelivered(evidence: Evidence) -> Iterator[str]:
    for name, counts in evidence.undelivered.items():
        if any(counts.values()):
            yield f"{name}: {counts}"


def the_newest_refresh_token_is_kept(evidence: Evidence) -> Iterator[str]:
    for name, (kept, newest) in evidence.tokens.items():
        if kept != newest:
            yield f"the token in {name}'s secret is not the newest that Spotify gave"


def no_secret_is_seen_anywhere(evidence: Evidence) -> Iterator[str]:
    places = {
        "a log, an answer, a quarantined object or a batch": evidence.other_texts,
        "the landing bucket": evidence.landed.values(),
        "a table": [
            str(row)
            for row in (
                *evidence.plays,
                *evidence.gaps,
                *evidence.ledger,
                *(evidence.top_tracks or ()),
                *(evidence.tracks or ()),
            )
        ],
    }
    for place, texts in places.items():
        everything = "\n".join(texts)
        if any(secret in everything for secret in evidence.secrets):
            yield f"a token or the client's secret stands in {place}"


def nothing_was_asked_that_the_laptop_cloud_does_not_know(evidence: Evidence) -> Iterator[str]:
    for text in evidence.other_texts:
        found = re.search(r"The laptop cloud (failed|does not imitate).{0,200}", text)
        if found:
            yield found[0]


CHECKS: tuple[Check, ...] = (
    no_play_is_stored_twice,
    every_doubled_play_was_noticed,
    every_play_that_a_finished_run_was_shown_is_stored,
    every_play_on_any_page_is_stored_or_inside_a_gap,
    every_stored_play_is_true_in_every_column,
    every_stored_play_is_in_the_file_of_its_run,
    nothing_is_left_of_an_import_that_was_undone,
    every_command_of_the_owners_ends_in_a_sentence,
    every_play_that_was_missed_is_inside_a_gap,
    no_gap_is_told_where_nothing_is_missing,
    every_gap_is_told_once,
    every_slot_that_was_answered_has_its_row,
    every_run_is_named_after_its_slot,
    no_outcome_stands_twice_in_the_ledger,
    ingest_succeeded_where_and_only_where_a_file_landed,
    load_says_what_it_did,
    every_load_that_brought_plays_was_told_to_transform_trigger,
    who_is_called_heard_was_shown_a_page,
    batches_are_what_the_ledger_says,
    never_do_two_batches_run_at_once,
    the_last_batch_has_seen_every_play,
    the_top_ten_is_what_a_recount_gives,
    the_list_of_tracks_is_what_a_recount_gives,
    in_the_end_everybody_is_heard,
    nothing_is_left_undelivered,
    the_newest_refresh_token_is_kept,
    no_secret_is_seen_anywhere,
    nothing_was_asked_that_the_laptop_cloud_does_not_know,
)


# Worked out


def _landed_keys(evidence: Evidence) -> dict[str, set[Key]]:
    """The plays in each run's file, read with Python's own CSV reader."""
    return {
        name.rpartition("/")[2].removesuffix(".csv"): {
            (row["listener_id"], datetime.fromisoformat(row["played_at"]), row["track_id"])
            for row in csv.DictReader(io.StringIO(content, newline=""))
        }
        for name, content in evidence.landed.items()
    }


def _was_passed_over(evidence: Evidence, play: Play) -> bool:
    """On the first page after it became visible it was older than everything, and newer than all that was known."""
    if play.visible_at is None:
        return False
    mine = [page for page in evidence.pages if page.listener == play.listener]
    after = next((page for page in mine if page.at >= play.visible_at), None)
    before = [page.newest for page in mine if page.at < play.visible_at and page.keys]
    return after is not None and bool(before) and max(before) < play.played_at < after.oldest


def _is_out_of_order(evidence: Evidence, play: Play) -> bool:
    """Spotify showed it when it had shown later plays already, and then no more: no gap can tell of it."""
    earlier = [
        page for page in evidence.pages if page.listener == play.listener and page.at < (play.visible_at or page.at)
    ]
    return any(page.keys and page.newest > play.played_at for page in earlier)


def _is_before_the_first(evidence: Evidence, key: Key) -> bool:
    """A gap begins with a stored play: what was before those of the first run is from before the listener came.

    A later run can be shown older ones (a page of hours ago), and cannot know what lies between.
    """
    mine = [row for row in evidence.plays if row["listener_id"] == key[0]]
    first_run = min((row["run_id"] for row in mine), default=None)
    return not any(row["played_at"] < key[1] for row in mine if row["run_id"] == first_run)


def _in_a_gap(evidence: Evidence, key: Key) -> bool:
    return any(_is_inside(gap, key) for gap in evidence.gaps)


def _is_inside(gap: Row, key: Key) -> bool:
    """Of two plays that end in one millisecond the page may have cut off one: the gap's end is part of it."""
    return bool(gap["listener_id"] == key[0] and gap["gap_start"] < key[1] <= gap["gap_end"])


def _is_exactly_one_page(evidence: Evidence, gap: Row) -> bool:
    """The gap starts with the newest play that was known, and the very next one is the oldest on a page of new ones."""
    shown = [play for key, play in evidence.truth.items() if key[0] == gap["listener_id"] and play.visible_at]
    played = sorted({play.played_at for play in shown if play.visible_at <= gap["detected_at"]})
    mine = [page for page in evidence.pages if page.listener == gap["listener_id"] and page.at < gap["detected_at"]]
    is_next = played.index(gap["gap_end"]) - played.index(gap["gap_start"]) == 1
    return is_next and max(page.newest for page in mine if page.keys) == gap["gap_start"]


def _rows(evidence: Evidence, run_id: str, step: str, state: Any) -> list[Row]:
    return [row for row in evidence.ledger if (row["run_id"], row["step"], row["state"]) == (run_id, step, state)]


def _run_id(slot: datetime) -> str:
    return f"{slot.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _slot(run_id: str) -> datetime:
    return datetime.strptime(run_id, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _told(key: Key) -> str:
    return f"{key[0]} {key[1]:%d %H:%M:%S.%f} {key[2]}"
