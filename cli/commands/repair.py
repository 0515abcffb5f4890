"""Makes one row of each play that is stored twice, as two loads that ran at once can leave it."""

import argparse
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from string import Template

from google.cloud import bigquery

from cli import plays_loaded
from cli.console import counted, print_json, say, show
from cli.place import Place
from cli.plays_loaded import Change
from cli.warehouse import MOST_DAYS, Row, Warehouse, instants, same_play_rule, string, structs

HELP = "Make one row of each play that is stored twice"

_DOUBLED = Path(__file__).parents[2] / "functions/load/queries/doubled.sql"
# Google takes 10 MB with a statement, and a play of its parameters has some 500 bytes.
_AT_ONCE = 10_000


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only show what is stored twice")


def run(options: argparse.Namespace, place: Place) -> int:
    warehouse, started_at = Warehouse(place), place.now()
    doubled = find_doubled(warehouse)
    twins = [] if options.dry_run else repair(warehouse, doubled)
    if twins:
        listeners = len({row["listener_id"] for row in twins})
        reason = f"Stored once now: {counted(len(twins), 'play')}."
        plays_loaded.publish(place, warehouse, Change("repair", started_at, listeners, len(twins), reason))
    if options.json:
        print_json({"doubled": doubled, "repaired": bool(doubled) and not options.dry_run})
    else:
        show(_report(doubled, twins, place, is_dry_run=options.dry_run))
    return 0


def doubled_rule() -> str:
    """A statement over `stored_rows`: load's own, which it counts with after each MERGE."""
    return Template(_DOUBLED.read_text(encoding="utf-8")).substitute(same_play=same_play_rule())


def find_doubled(warehouse: Warehouse, listener: str | None = None) -> list[Row]:
    """Of one listener, or of all."""
    whose = string("listener_id", listener)
    return [dict(row) for row in warehouse.run("doubled_plays", whose, names={"doubled": doubled_rule()})]


def repair(warehouse: Warehouse, doubled: Sequence[Row], listener: str | None = None) -> list[Row]:
    """The plays of two keys, which every reader counted twice: the top ten has to be recomputed.

    Equal keys first: the row that is left may have the time played, and then it has no second row.
    """
    keys = [row for row in doubled if row["is_key"]]
    if doubled:
        say(f"Repairing {counted(len(doubled), 'play')} …")
    for part in _parts(keys):
        played_at = sorted({row["played_at"] for row in part})
        of_part = bigquery.ArrayQueryParameter("instants", "TIMESTAMP", played_at)
        warehouse.run("repair_keys", of_part, string("listener_id", listener))
    twins = [row for row in (find_doubled(warehouse, listener) if keys else doubled) if not row["is_key"]]
    for part in _parts(twins):
        keys_of_both = (
            [
                *(string(name, row[name]) for name in ("listener_id", "track_id", "kept_id")),
                *instants(played_at=row["played_at"], kept_at=row["kept_at"]),
            ]
            for row in part
        )
        warehouse.run("repair_twins", structs("twins", keys_of_both))
    return twins


def _parts(rows: Sequence[Row]) -> list[list[Row]]:
    """The oldest first, each part with plays of MOST_DAYS: the other key of a play is at most 31 days later."""
    parts: list[list[Row]] = []
    for row in sorted(rows, key=itemgetter("played_at")):
        if not parts or len(parts[-1]) == _AT_ONCE or row["played_at"] > parts[-1][0]["played_at"] + MOST_DAYS:
            parts.append([])
        parts[-1].append(row)
    return parts


def _report(doubled: Sequence[Row], twins: Sequence[Row], place: Place, *, is_dry_run: bool) -> str:
    if not doubled:
        return "No play is stored twice."
    counts = Counter(row["listener_id"] for row in doubled)
    first, last = (end(row["played_at"] for row in doubled) for end in (min, max))
    plays = [f"{listener}: {counted(count, 'play')} stored twice" for listener, count in counts.items()]
    when = f"They were played between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M} UTC."
    if is_dry_run:
        return "\n".join([*plays, when, f"Nothing was changed. To repair them, run {place.command('repair')}."])
    if twins:
        now = f"Each is stored once now; {counted(len(twins), 'play')} counted twice until now."
        return "\n".join([*plays, when, now, plays_loaded.what_follows(place)])
    return "\n".join([*plays, when, "Each is stored once now, and was counted once before."])
