"""Every play that was shown is stored: once, true in every column, in the file of its run."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from localcloud.listeners.lives import Play
from localcloud.spotify.data_export import manner
from tests.faults.evidence import Evidence, Key, Row, as_exported, described, row_key, slot_of_run
from tests.ingest.harness import expected_row

_LONGEST_RUN = timedelta(hours=3)
"""From the slot to the last retry: the schedule may call an hour late."""
_FORCED_AHEAD = timedelta(minutes=-1)
"""In the last minute before a slot a forced run may have this slot."""


def no_play_is_stored_twice(evidence: Evidence) -> Iterator[str]:
    for key, count in Counter(map(evidence.true_key, evidence.plays)).items():
        if count > 1:
            yield f"stored {count} times: {described(key)}"


def every_doubled_play_was_noticed(evidence: Evidence) -> Iterator[str]:
    """By the load of a file that holds it, in the ledger and in the log; and nothing else was called doubled.

    Undoing an import repairs what it doubled.
    """
    noticed = {row["run_id"] for row in evidence.ledger if row.get("error_class") == "PlaysDoubled"}
    landed = evidence.landed_keys
    for key in sorted(evidence.doubled):
        if not any({key, as_exported(key)} & landed[run_id] for run_id in noticed & landed.keys()):
            yield f"stored twice, and no load has noticed: {described(key)}"
    if bool(noticed) != any('"Plays are stored twice"' in text for text in evidence.other_texts):
        yield f"runs {sorted(noticed)} in the ledger, and the log says otherwise"
    if noticed and not evidence.doubled and len(evidence.live_imports) == len(evidence.imports):
        yield f"runs {sorted(noticed)} call plays doubled, and none was"


def every_play_that_a_finished_run_was_shown_is_stored(evidence: Evidence) -> Iterator[str]:
    for key in sorted(evidence.promised - evidence.stored):
        yield f"lost: {described(key)}"


def every_stored_play_is_true_in_every_column(evidence: Evidence) -> Iterator[str]:
    truth, shown = evidence.truth, {key for page in evidence.pages for key in page.keys}
    for row in evidence.plays:
        key = evidence.true_key(row)
        if row["source"] == "export":
            yield from _untrue_columns(row, _exported_row(truth[key], row))
            continue
        if key not in shown:
            yield f"stored, but on no page: {described(key)}"
            continue
        if not _FORCED_AHEAD < row["ingested_at"] - slot_of_run(row["run_id"]) < _LONGEST_RUN:
            yield f"{described(key)}: run {row['run_id']} cannot have written it at {row['ingested_at']}"
        time_import_id = row["ms_played_import_id"]
        expected = expected_row(truth[key], run_id=row["run_id"], ingested_at=row["ingested_at"])
        expected |= _completed(truth[key], time_import_id) if time_import_id else {}
        yield from _untrue_columns(row, expected)


def _completed(play: Play, import_id: str) -> Row:
    """What an export adds to a row of the API. It has whole seconds."""
    over_at = play.played_at.replace(microsecond=0)
    return {
        **{"ms_played": play.ms_played, "ms_played_import_id": import_id, **manner(play)},
        "reported_at": None if over_at == play.played_at else over_at,
    }


def _untrue_columns(row: Row, expected: Row) -> Iterator[str]:
    for column, value in row.items():
        if value != expected[column]:
            yield f"{described(row_key(row))}: {column} is {value!r}, in truth {expected[column]!r}"


def _exported_row(play: Play, row: Row) -> Row:
    """A play that only an import has brought, as an export has it."""
    track = play.track
    return dict.fromkeys(row) | {
        **{name: row[name] for name in ("run_id", "ingested_at", "import_id")},
        **{"listener_id": play.listener, "played_at": play.played_at.replace(microsecond=0), "track_id": track.id},
        **{"track_name": track.name, "artist_name": track.album.artists[0].name, "album_name": track.album.name},
        **{"ms_played": play.ms_played, "source": "export", "ms_played_import_id": row["import_id"]},
        **manner(play),
    }


def every_stored_play_is_in_the_file_of_its_run(evidence: Evidence) -> Iterator[str]:
    """And with it every file is in the warehouse, whole, but for what an undone import took from a later one."""
    in_files = {(run_id, key) for run_id, keys in evidence.landed_keys.items() for key in keys}
    for row in evidence.plays:
        if (row["run_id"], row_key(row)) not in in_files:
            yield f"{described(row_key(row))} is not in the file of run {row['run_id']}"
    stored = {row_key(row) for row in evidence.plays}
    stored |= set(map(as_exported, stored))
    for run_id, key in sorted(in_files):
        if key not in stored and not _went_with_another_import(evidence, run_id, key):
            yield f"{described(key)} was landed by run {run_id} and never loaded"


def _went_with_another_import(evidence: Evidence, run_id: str, key: Key) -> bool:
    """Plays that load found stored by another import go when that one is undone (decision 33)."""
    imports = {row["import_id"]: row for row in evidence.imports if row["listener_id"] == key[0]}
    loads = (row["finished_at"] for row in evidence.ledger if (row["run_id"], row["step"]) == (run_id, "load"))
    loaded_at = min(loads, default=None)
    return (
        evidence.landed_imports.get(run_id, "") in imports
        and loaded_at is not None
        and any(
            row["undone_at"] and loaded_at < row["undone_at"] and key in evidence.went_with[row["import_id"]]
            for row in imports.values()
        )
    )


def the_catalogue_is_true(evidence: Evidence) -> Iterator[str]:
    """What it has of a track is what Spotify shows of it, and no track is there twice: nothing runs beside ingest."""
    shown = {play.track.id: expected_row(play) for play in evidence.truth.values()}
    for track_id, count in Counter(row["track_id"] for row in evidence.catalogue).items():
        if count > 1:
            yield f"track {track_id} is {count} times in the catalogue"
    for row in evidence.catalogue:
        for column in row.keys() & shown.get(row["track_id"], {}).keys():
            if row[column] != shown[row["track_id"]][column]:
                yield f"track {row['track_id']} in the catalogue: {column} is {row[column]!r}"
        if row["track_id"] not in shown:
            yield f"track {row['track_id']} is in the catalogue, and no listener has played it"


def nothing_is_left_of_an_import_that_was_undone(evidence: Evidence) -> Iterator[str]:
    """And what is marked as an import's is that of one that is recorded."""
    live = evidence.live_imports
    for row in evidence.plays:
        if {row["import_id"], row["ms_played_import_id"]} - live - {None}:
            yield f"{described(row_key(row))} is still there from an import that was undone"
    for row in evidence.imports:
        if row["undone_at"] and not row["undo_finished_at"]:
            yield f"import {row['import_id']} is half undone"
    for run_id, rows in evidence.landed_rows.items():
        if {row["import_id"] for row in rows} - live - {""}:
            yield f"the file of run {run_id} is still there from an import that was undone"
