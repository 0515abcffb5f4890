"""Takes an import back: plays, times played and closed gaps that it brought, and its files. Plays that Spotify's API
has listed stay, and the consent.

The import counts as undone from the first step on, and load leaves out the rows of such an import. So an event of one
of its files that comes late, or twice, brings nothing back; only a load that was under way is waited for.
"""

import argparse
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cli import plays_loaded
from cli.commands import repair
from cli.commands.import_history import gaps as import_gaps
from cli.commands.import_history import records as import_records
from cli.commands.import_history.gaps import Reopening
from cli.commands.import_history.landing import LandedFiles
from cli.commands.import_history.records import Record
from cli.console import Misused, announcer, counted, minute, print_counts, print_json, say, show
from cli.place import Place
from cli.plays_loaded import Change
from cli.waiting import CLOUD, LAPTOP
from cli.warehouse import Warehouse, string


@dataclass(frozen=True)
class Undone:
    """What undoing an import takes back, or would. `rejoined`: rows of other imports that it had kept apart.

    `is_repeated`: an earlier call has begun it.
    """

    record: Record
    gaps: Reopening
    later: list[Record]
    dry_run: bool
    is_repeated: bool
    rejoined: int = 0

    @property
    def changes_plays(self) -> bool:
        """Whether the top ten is to be recomputed: also after a call that was stopped before it could publish that."""
        changed = self.record.plays_left + self.record.times_left + self.rejoined
        return changed > 0 or (self.record.undo_finished_at is None and self.is_repeated)

    @property
    def gone_before(self) -> int:
        added = self.record.added
        return 0 if added is None else max(0, added - self.record.plays_left - self.record.times_left)


def run(options: argparse.Namespace, place: Place) -> int:
    warehouse = Warehouse(place)
    record, later = _find(warehouse, options.undo, place)
    is_repeated = record.undone_at is not None
    if not options.dry_run:
        import_records.mark_undone(warehouse, record.import_id, undone_at=place.now())
        files = LandedFiles(place, record.import_id, record.started_at)
        _wait_for_load(place, warehouse, files.run_ids, record.undone_at or place.now())
        # What load has stored meanwhile is part of it.
        record, later = _find(warehouse, options.undo, place)
    found = import_gaps.find_reopened(warehouse, record.listener_id, record.import_id)
    undone = Undone(record, found, later, options.dry_run, is_repeated)
    if not options.dry_run:
        undone = _undo(place, warehouse, undone, files)
    if options.json:
        print_json(as_json(undone))
    else:
        _show(undone, place)
    return 0


def _find(warehouse: Warehouse, import_id: str, place: Place) -> tuple[Record, list[Record]]:
    """The import, and those of its listener, later or at the same time, that may have found plays of it stored."""
    records = {record.import_id: record for record in import_records.fetch(warehouse)}
    record = records.get(import_id)
    if record is None:
        raise Misused(f"There is no import {import_id} here. To list them, run {place.command('imports')}.")
    later = [
        other
        for other in records.values()
        if other.listener_id == record.listener_id
        and other.import_id != record.import_id
        and (other.finished_at is None or other.finished_at > record.started_at)
        and other.undone_at is None
        and other.found_stored != 0
        and other.overlaps(record)
    ]
    return record, later


def _wait_for_load(place: Place, warehouse: Warehouse, run_ids: Sequence[str], undone_at: datetime) -> None:
    """A load that began before the import was undone does not know of it; it ends in any case."""
    longest, announce = timedelta(seconds=(LAPTOP if place.laptop else CLOUD).load), announcer()
    while run_ids and place.now() < undone_at + longest:
        since = datetime.strptime(f"{min(run_ids)}+0000", "%Y%m%dT%H%M%SZ%z")
        loaded = {row["run_id"] for row in warehouse.steps_since(since) if row["step"] == "load"}
        left = [run_id for run_id in run_ids if run_id not in loaded]
        if not left:
            return
        until = minute(undone_at + longest)
        announce(f"… waiting for load to finish {counted(len(left), 'file')} of the import, until {until} UTC at most")
        time.sleep(place.poll_seconds)


def _undo(place: Place, warehouse: Warehouse, undone: Undone, files: LandedFiles) -> Undone:
    """Gaps first: a gap that is open too early is better than plays that go without one. Each step can be repeated."""
    record, started_at = undone.record, place.now()
    import_gaps.reopen(warehouse, record.listener_id, undone.gaps)
    say("Deleting what it brought …")
    warehouse.change_plays("undo_plays", record.listener_id, string("import_id", record.import_id))
    doubled = repair.find_doubled(warehouse, record.listener_id)
    undone = replace(undone, rejoined=len(repair.repair(warehouse, doubled, record.listener_id)))
    files.delete()
    changed = record.plays_left + record.times_left
    if undone.changes_plays:
        reason = f"Import {record.import_id} of {record.listener_id} was undone, with {counted(changed, 'play')}."
        plays_loaded.publish(place, warehouse, Change("undo", started_at, 1, changed, reason))
    import_records.mark_undone(warehouse, record.import_id, undo_finished_at=place.now())
    return undone


def _show(undone: Undone, place: Place) -> None:
    record = undone.record
    became = "would become" if undone.dry_run else "became"
    print_counts(("rows", f"what {became} of them"), _lines(undone))
    if undone.gaps.again:
        opened = "Would open again" if undone.dry_run else "Opened again"
        show(f"\n{opened}: {counted(len(undone.gaps.again), 'closed gap')}.")
    if undone.gaps.alone:
        opened = "Would open" if undone.dry_run else "Opened"
        show(f"\n{opened} before another gap: {counted(len(undone.gaps.alone), 'gap')}.")
    if undone.rejoined:
        show(f"\nJoined with the time played from another import: {counted(undone.rejoined, 'play')}.")
    for other in undone.later if record.plays_left or record.times_left else ():
        files = " ".join(map(shlex.quote, other.files))
        number = "an unknown number of plays" if other.found_stored is None else counted(other.found_stored, "play")
        show(
            f"\nImport {other.import_id} found {number} already stored, perhaps these. "
            f"They {'would not be' if undone.dry_run else 'are not'} brought back. To store them, "
            f"run in the folder of the files:\n"
            f"{place.command(f'import {shlex.quote(record.listener_id)} {files}')}"
        )
    if not undone.dry_run:
        show(f"\nImport {record.import_id} of {record.listener_id} is undone.")
    if not undone.dry_run and undone.changes_plays:
        show(plays_loaded.what_follows(place))


def _lines(undone: Undone) -> list[tuple[int, str]]:
    record = undone.record
    stay = "the time played of plays that Spotify's API has listed, which stay"
    verbs = ("would be deleted", "would be taken back") if undone.dry_run else ("deleted", "taken back")
    lines = [
        (record.plays_left, f"{verbs[0]}: plays that only this import has brought"),
        (record.times_left, f"{verbs[1]}: {stay}"),
    ]
    if undone.gone_before:
        lines.append((undone.gone_before, "gone already"))
    return [*lines, (sum(number for number, _ in lines), "stored or completed by the import")]


def as_json(undone: Undone) -> dict[str, Any]:
    record = undone.record
    return {
        "import_id": record.import_id,
        "listener": record.listener_id,
        "dry_run": undone.dry_run,
        "deleted": record.plays_left,
        "times_taken_back": record.times_left,
        "gone_already": undone.gone_before,
        "added": record.plays_left + record.times_left + undone.gone_before,
        "gaps_open_again": len(undone.gaps.again),
        "gaps_opened": len(undone.gaps.alone),
        "rejoined": undone.rejoined,
        "later_imports": [
            {"import_id": other.import_id, "known": other.found_stored, "files": other.files} for other in undone.later
        ],
    }
