"""The ledger in the terminal: one line per step, the newest first."""

import argparse

from cli.console import minute, number, print_json, print_table, show
from cli.place import Place
from cli.warehouse import Warehouse, integer

HELP = "Show the ledger: what each step of each run did, or why not"

_HEADS = ("started (UTC)", "run", "step", "state", "new", "what happened")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=_positive, default=20, metavar="N", help="how many steps (%(default)s)")


def run(options: argparse.Namespace, place: Place) -> int:
    rows = [dict(row) for row in Warehouse(place).run("newest_steps", integer("limit", options.limit))]
    if options.json:
        print_json(rows)
    elif rows:
        cells = [
            (
                *(minute(row["started_at"]), row["run_id"], row["step"], row["state"]),
                *(number(row["rows_new"]), row["reason"] or ""),
            )
            for row in rows
        ]
        print_table(_HEADS, cells)
    else:
        show(f"No run yet. To fire the schedule now, run {place.command('run-now')}.")
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number
