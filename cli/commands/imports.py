"""The imports of listening histories, the newest first: when, which files, how many rows, and what of each is left."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from cli.commands.import_history import records as import_records
from cli.commands.import_history.records import Record
from cli.console import counted, minute, number, print_json, print_table, show
from cli.place import Place
from cli.warehouse import Warehouse

HELP = "List the imports: when, which files, how many rows, what of each is left"

_HEADS = ("import", "listener", "begun (UTC)", "state", "rows", "stored", "completed", "left now", "files")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("listener", nargs="?", metavar="LISTENER", help="only the imports of this listener")


def run(options: argparse.Namespace, place: Place) -> int:
    records = import_records.fetch(Warehouse(place))
    chosen = [record for record in records if options.listener in (None, record.listener_id)]
    if options.json:
        print_json([asdict(record) | {"state": state(record)} for record in chosen])
    elif chosen:
        print_table(_HEADS, [_cells(record) for record in chosen])
        show(f"\nTo undo one, run {place.command('import --undo IMPORT')}.")
    else:
        of = f" of {options.listener}" if options.listener else ""
        show(f"No import{of} yet. To store Spotify's data export, run {place.command('import LISTENER FILE')}.")
    return 0


def state(record: Record) -> str:
    if record.undo_finished_at:
        return "undone"
    if record.undone_at:
        return "half undone"
    return "done" if record.finished_at else "not finished"


def _cells(record: Record) -> Sequence[str]:
    left = [
        (record.plays_left, "play", ""),
        (record.times_left, "time played", "times played"),
        (record.gaps_left, "closed gap", ""),
    ]
    return (
        record.import_id,
        record.listener_id,
        minute(record.started_at),
        state(record),
        f"{record.rows_in:,}",
        number(record.rows_new),
        number(record.rows_completed),
        ", ".join(counted(count, what, plural) for count, what, plural in left if count) or "nothing",
        ", ".join(record.files),
    )
