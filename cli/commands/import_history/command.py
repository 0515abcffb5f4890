"""Stores the plays of a listener's own "Extended streaming history", as Spotify sends it, without a call to Spotify.

A file that `export` has written is taken as well, by itself: its rows are stored as they are, and close no gap.

Every row is accounted for. Plays that are stored already are not stored again, whichever way they came; those that
came from Spotify's API get the time played. The same files may be given again, in any order, at any time.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cli import consent, google_clients
from cli.commands.import_history import comparison, ownership, records, report, undo
from cli.commands.import_history import gaps as import_gaps
from cli.commands.import_history.landing import cut
from cli.commands.import_history.reading import coverage, every_row, own_export, spotify_files
from cli.commands.import_history.reading.every_row import Reading
from cli.commands.import_history.reading.own_export import OwnReading
from cli.commands.import_history.report import Account
from cli.commands.import_history.store_plays import store
from cli.console import CliError, Misused, counted, say, seconds
from cli.follow_run import newest_of_steps
from cli.place import Place
from cli.secret_store import SecretStore, known_listeners
from cli.warehouse import Row, Warehouse

HELP = "Store the plays of Spotify's data export: years of history, and how long each play lasted"

_FOLLOW_SECONDS = 1800


class _InsteadOfAll(argparse.Action):
    """An option that stands alone: `const`, what is required without it, may be missing beside it."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        setattr(namespace, self.dest, values)
        for other in self.const:
            other.required = False


def add_options(parser: argparse.ArgumentParser) -> None:
    listener = parser.add_argument(
        "listener", metavar="LISTENER", help="whose export it is: the name it has in terraform.tfvars"
    )
    files = parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="the zip from Spotify, the folder it was unpacked to or one above, Streaming_History_Audio_….json or "
        "endsong_….json. Or one file that `export` has written",
    )
    parser.add_argument(
        "--undo",
        action=_InsteadOfAll,
        const=(listener, files),
        metavar="IMPORT",
        help="undo this import, and give neither LISTENER nor FILE; `imports` lists them",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would become of every row, or what would be taken back; store and delete nothing",
    )
    parser.add_argument("--new-listener", action="store_true", help="the listener never gave consent, and need not")
    parser.add_argument(
        "--anyway", action="store_true", help="store the plays although nothing proves that they are this listener's"
    )
    parser.add_argument(
        "--timeout", type=seconds, metavar="SECONDS", help=f"how long to follow the import ({_FOLLOW_SECONDS})"
    )


def run(options: argparse.Namespace, place: Place) -> int:
    if options.undo is not None:
        of_import = options.listener, options.files, options.new_listener, options.anyway, options.timeout is not None
        if any(of_import):
            raise Misused("--undo takes neither LISTENER nor FILE, and no --new-listener, --anyway or --timeout")
        return undo.run(options, place)
    return _import(options, place)


def _import(options: argparse.Namespace, place: Place) -> int:
    consent.check_listener(options.listener)
    warehouse = Warehouse(place)
    _check_known(options, place, warehouse)
    google_clients.landing_and_quarantine(place)  # Misused now, and not when the import is on record
    reading = _read(options, place)
    music, spans = _times(reading)
    files = cut(reading.plays)
    compared = comparison.compare(warehouse, options.listener, files, music)
    account = Account(options.listener, reading, compared, options.dry_run)
    stored = comparison.fetch_stored_times(warehouse, options.listener, spans)
    if not options.anyway:
        account.doubt = ownership.check(place, warehouse, account, stored)
    gaps = import_gaps.fetch(warehouse, options.listener)
    show = report.show_json if options.json else report.show
    if options.dry_run:
        for outcomes in compared.outcomes:
            account.add(outcomes)
        before = import_gaps.before_the_first_page(place, warehouse, options.listener, reading.plays)
        account.plan_closings(gaps, stored, *before)
        show(account)
        return _unread_verdict(account)
    # Linux takes names that are no UTF-8, BigQuery does not.
    names = [path.absolute().name.encode("utf-8", "replace").decode() for path in options.files]
    started = records.begin(warehouse, options.listener, place.now(), names, reading.rows, account.span)
    say(f"This is import {started.import_id}. To undo it, run {place.command(f'import --undo {started.import_id}')}.")
    _open_gap_and_plan_closings(place, warehouse, account, started, gaps, stored)
    timeout_seconds = _FOLLOW_SECONDS if options.timeout is None else options.timeout
    follower = store(place, warehouse, account, files, started, timeout_seconds)
    _open_gap_and_plan_closings(place, warehouse, account, started, gaps, stored)
    if _with_refused_rows(account.runs):
        account.closings = []
    import_gaps.close(warehouse, started, account.closings)
    records.finish(warehouse, started, place.now(), account.new, account.completed, account.known)
    if not options.json:
        show(account)
    try:
        if follower and not _with_refused_rows(account.runs):
            account.runs = follower.finished()
    finally:  # the plays are stored, also where the top ten is late
        if options.json:
            show(account)
    return _verdict(account, place)


def _read(options: argparse.Namespace, place: Place) -> Reading:
    if own := own_export.find(options.files):
        say(f"Reading {own.name} …")
        return own_export.read(own, place.now())
    return every_row.read(spotify_files.read_files(options.files), place.now())


def _times(reading: Reading) -> tuple[list[coverage.Span], list[coverage.Span]]:
    """The time in which the files should hold every stored play, and all their time. Files of videos have no music."""
    if isinstance(reading, OwnReading):
        return reading.spans, reading.spans
    music = [file for file in reading.files if not file.is_video]
    return coverage.stretches(music), coverage.stretches(reading.files)


def _check_known(options: argparse.Namespace, place: Place, warehouse: Warehouse) -> None:
    """A misspelt name would make a listener of its own."""
    listeners = known_listeners(SecretStore(place), warehouse)
    if options.listener not in listeners and not options.new_listener:
        known = f"Known are: {', '.join(listeners)}. " if listeners else ""
        raise Misused(
            f"There is no listener {options.listener} here. {known}To store the export of a person "
            "without a consent, add --new-listener."
        )


def _open_gap_and_plan_closings(
    place: Place,
    warehouse: Warehouse,
    account: Account,
    started: records.Import,
    gaps: Sequence[coverage.Gap],
    stored: Sequence[tuple[int, int]],
) -> None:
    """Open the gap before the first page, if there is one, and plan which gaps the import closes.

    Before the plays are stored and after: the first page may have been fetched and not landed before.
    """
    if not account.opened:
        first_page, gap = import_gaps.before_the_first_page(place, warehouse, account.listener, account.reading.plays)
        account.plan_closings(gaps, stored, first_page, import_gaps.open_before_the_plays(warehouse, started, gap))


def _with_refused_rows(steps: Sequence[Row]) -> list[Row]:
    """The steps of load that merged only a part of their files."""
    return [row for row in steps if row["error_class"] == "RowsRefused"]


def _verdict(account: Account, place: Place) -> int:
    """What was merged is stored; rows can have been refused, and the top ten can have failed."""
    if any((row["details"] or {}).get("doubled") for row in account.runs):
        say(
            "Plays around these are stored twice, which loses nothing. To make one row of each, run "
            f"{place.command('repair')}."
        )
    partly = _with_refused_rows(account.runs)
    if partly:
        raise CliError(
            f"BigQuery refused {account.refused:,} of the plays, so no gap was closed: {partly[0]['reason']} "
            f"Run {place.command('runs')}. What was merged stays: with the cause removed, give the files again."
        )
    newest = newest_of_steps(account.runs)
    failed = [row for row in newest if row["state"] == "failed" and row["step"] in ("transform", "top_tracks")]
    if failed:
        raise CliError(
            f"The plays are stored, but the top ten was not computed: {failed[0]['reason']} The next batch computes "
            "it. New plays start one, after two failures only once top_tracks_min_interval_minutes are over. To see "
            f"when, run {place.command('runs')}. To fetch new plays now, run {place.command('run-now')}."
        )
    return _unread_verdict(account)


def _unread_verdict(account: Account) -> int:
    """What was read is stored, and no gap was closed that the rest may hold. The rest is wanted all the same."""
    missed = [file for file in account.reading.unread if file.is_history]
    if missed:
        raise CliError(
            f"{counted(len(missed), 'file')} of the history could not be read to the end: {missed[0].name} "
            f"{missed[0].reason}. "
            "The other rows are accounted for. Give the files again once they are whole."
        )
    is_own = isinstance(account.reading, OwnReading)
    if account.reading.unreadable and (is_own or not account.reading.plays):
        row, count = account.reading.unreadable[0], account.reading.left_out["unreadable"]
        cure = "Write the file again with `export`" if is_own else "Give the files as Spotify sent them"
        raise CliError(
            f"{counted(count, 'row')} could not be read: row {row.index} of {row.file}: {row.reason}. The other rows "
            f"are accounted for. {cure}."
        )
    return 0
