"""What a month of Heavy Rotation costs at list prices: `python -m benchmarks.costs`.

Without options: the tables of docs/costs.md, from assumptions that stand there. With --laptop or --project: what the
ledger of that place shows, scaled to a month: runs of the schedule, not those that were fired by hand. Only the
ledger and the number of stored plays are read, no bill.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from benchmarks.costs import tables
from benchmarks.costs.model import (
    BATCH_OVERHEAD_SECONDS,
    BATCH_SECONDS,
    DAYS_PER_MONTH,
    Usage,
    bill,
    total_usd,
    total_without_allowance_usd,
)
from benchmarks.figures import options_of
from cli import google_clients, place
from cli.console import CliError, print_table
from cli.place import Place
from cli.warehouse import Row, Warehouse
from localcloud.terminal import plain

_ROOT = Path(__file__).parents[2]
DOCUMENTS = (_ROOT / "docs" / "costs.md", _ROOT / "README.md")
_HOUR = timedelta(hours=1)
SHORTEST_DAYS = 3
"""Less than this says little about a month: weekdays differ, and one batch more or less is most of the sum."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 it did not work (said on stderr), 2 wrong usage."""
    parser = options_of("costs", __doc__)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/costs.md and README.md")
    parser.add_argument("--days", type=_days, default=30, metavar="N", help="of the ledger to read (%(default)s)")
    place.add_options(parser, "whose ledger to read; without these none, and the tables are printed")
    options = parser.parse_args(arguments)
    try:
        if options.write:
            for document in DOCUMENTS:
                document.write_text(tables.filled(document.read_text()))
        elif options.laptop or options.project:
            _print_ledger(place.chosen(options, os.environ), options.days)
        else:
            print(tables.everything())
    except CliError as error:
        print(plain(str(error)), file=sys.stderr)
        return error.exit_code
    return 0


def usage_of(rows: Sequence[Row], stored_plays: int, *, in_cloud: bool) -> tuple[Usage, timedelta]:
    """A month like the stretch that the rows of the ledger cover, and how long that stretch is.

    `stored_plays` are the table's own number: the stretch does not know what was stored before it.
    Raises CliError when that is too short to be scaled. The laptop's Spark says nothing about the seconds of Google's.
    """
    # Runs that will come again: a schedule has no seconds, and an import has no ingest.
    run_ids = {row["run_id"] for row in rows if row["step"] == "ingest" and row["slot"].second == 0}
    scheduled = [row for row in rows if row["run_id"] in run_ids]
    slots = {row["slot"] for row in scheduled}
    covered = max(slots) - min(slots) + _HOUR if slots else timedelta(0)
    if covered < timedelta(days=SHORTEST_DAYS):
        by_hand = _fired_by_hand(rows)
        left_out = f" (runs fired by hand, not counted: {by_hand:,})" if by_hand else ""
        raise CliError(
            f"The schedule's runs in the ledger cover {covered // _HOUR} h{left_out}: too short to be "
            f"scaled to a month. Run it again when they cover {SHORTEST_DAYS} days; until then, `make costs` alone "
            "shows what a month comes to by the assumptions in docs/costs.md."
        )
    months = covered / timedelta(days=DAYS_PER_MONTH)
    usage = Usage(
        listeners=max((row["listeners"] or 0 for row in rows), default=0),
        runs=len(slots) / months,
        runs_with_plays=_runs(scheduled, "load", "succeeded") / months,
        batches=_runs(scheduled, "transform", "succeeded") / months,
        stored_plays=stored_plays,
        batch_seconds=_batch_seconds(rows) if in_cloud else BATCH_SECONDS,
    )
    return usage, covered


def _fired_by_hand(rows: Iterable[Row]) -> int:
    return len({row["run_id"] for row in rows if row["step"] == "ingest" and row["slot"].second})


def _runs(rows: Iterable[Row], step: str, state: str) -> int:
    return len({row["run_id"] for row in rows if (row["step"], row["state"]) == (step, state)})


def _batch_seconds(rows: Iterable[Row]) -> float:
    """Of a batch on average, in RUNNING; the assumption while none has ended."""
    ended = [row for row in rows if row["step"] == "top_tracks"]
    jobs = [(row["finished_at"] - row["started_at"]).total_seconds() for row in ended]
    return sum(jobs) / len(jobs) + BATCH_OVERHEAD_SECONDS if jobs else BATCH_SECONDS


def _print_ledger(where: Place, days: int) -> None:
    try:
        warehouse = Warehouse(where)
        rows, stored_plays = warehouse.steps_since(where.now() - timedelta(days=days)), warehouse.stored_plays()
    except google_clients.EXPECTED as error:
        raise CliError(google_clients.explain(error, where)) from None
    usage, covered = usage_of(rows, stored_plays, in_cloud=where.laptop is None)
    print(f"{covered / timedelta(days=1):.1f} days of the ledger of {where.project}, scaled to a month:")
    print(f"  {usage.runs:,.0f} runs, {usage.runs_with_plays:,.0f} with new plays, {usage.batches:,.1f} Spark batches")
    print(f"  of {usage.batch_seconds:.0f} s each, {usage.listeners} listeners, {usage.stored_plays:,.0f} plays stored")
    if by_hand := _fired_by_hand(rows):
        print(f"  runs fired by hand, left out: {by_hand:,}")
    print()
    lines = bill(usage)
    print_table(tables.BILL_HEADS, [tables.cells(line) for line in lines])
    print(
        f"\nTotal: ${total_usd(lines):.2f} a month (without free allowances ${total_without_allowance_usd(lines):.2f})"
    )
    print("List prices of us-central1 before taxes; docs/costs.md says how each quantity is known.")


def _days(text: str) -> int:
    number = int(text)
    if number <= SHORTEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text}: more than {SHORTEST_DAYS} days are needed to scale to a month")
    return number


if __name__ == "__main__":
    sys.exit(main())
