"""Whether files are the listener's own, judged by the plays that are stored.

In hours whose plays are stored, an own file holds hardly a play that is not: the API hides private sessions only. A
stranger's file holds hardly one that is. Where no stored play is of the time of the files, nothing is proved, and the
command asks the owner.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cli.commands.import_history.reading.coverage import APART_MS, TrackTimes
from cli.commands.import_history.reading.every_row import FilePlays
from cli.commands.import_history.reading.own_export import OwnReading
from cli.commands.import_history.reading.plays import Column, Plays, to_instant
from cli.commands.import_history.reading.spotify_rows import COUNTS_FROM_MS
from cli.commands.import_history.report import Account
from cli.console import CliError, ask, counted, minute
from cli.place import Place
from cli.secret_store import SecretStore
from cli.warehouse import Warehouse, string

# From fewer plays nothing can be concluded.
_ENOUGH_PLAYS = 10
_FEW_PLAYS = 3
# Between two stored plays so close to each other, every play is stored.
_HOUR_MS = 3_600_000
# In one person's history, one play in forty lies over another one.
_BESIDE_MS, _USUAL_RATE = 15_000, 1 / 40
_IN_A_ROW, _ENOUGH_IN_A_ROW = 500, 50
_ANYWAY = "Nothing was stored. If it is the right one all the same, run the command again with --anyway."


@dataclass(frozen=True)
class Share:
    """Of one file: how many plays are of hours that are stored, and how many of them are stored."""

    name: str
    expected: int
    found: int


@dataclass(frozen=True)
class Mixed:
    """Plays in a row, when the first and the last ended, and how many of them were played beside the one before."""

    first: datetime
    last: datetime
    plays: int
    beside: int


def check(place: Place, warehouse: Warehouse, account: Account, stored: Sequence[tuple[int, int]]) -> str:
    """What the files leave in doubt; empty when they are proved to be the listener's, or when nothing is at stake.

    Rows of `export` name their listener. Raises CliError for another person's files, and, unless it is a dry run, for
    doubtful ones that the owner declines.
    """
    listener = account.listener
    _refuse_another_listener(listener, account)
    if isinstance(account.reading, OwnReading):
        return ""
    found = shares(account.reading.files, stored)
    _refuse_strangers(listener, account, found)
    known = sum(share.found for share in found)
    is_proved = known >= _ENOUGH_PLAYS or (known >= _FEW_PLAYS and known * 2 >= account.comparison.stored)
    if not account.reading.plays or is_proved:
        return ""
    names = account.reading.account_names
    own = _own_accounts(place, listener) if names else set()
    if names & own:
        return ""
    [row] = warehouse.run("rows_of_listener", string("listener_id", listener), names={"table": "plays"})
    count = int(row.row_count)
    if count < _ENOUGH_PLAYS and not own:
        return ""
    doubt = (
        f"Nothing proves that this is the export of {listener}: it contains {min(known, count):,} of "
        f"{counted(count, 'stored play')}{', and names another Spotify account' if own else ''}."
    )
    if not account.dry_run:
        if not sys.stdin.isatty():
            raise CliError(f"{doubt} {_ANYWAY}")
        if ask(f"{doubt} Type yes to store it all the same:\n").strip().lower() != "yes":
            raise CliError("Nothing was stored.")
    return doubt


def shares(files: Iterable[FilePlays], stored: Sequence[tuple[int, int]]) -> list[Share]:
    """`stored`: instant and track of plays that are stored, the oldest first."""
    at, known = np.array([instant for instant, _ in stored], np.int64), TrackTimes(stored)
    if not stored:
        return [Share(file.name, 0, 0) for file in files]
    found = []
    for file in files:
        ends, counts = file.ends, np.array(file.tracks) != 0
        after = np.searchsorted(at, ends)
        before, next_one = at[np.maximum(after - 1, 0)], at[np.minimum(after, len(at) - 1)]
        is_near = np.minimum(np.abs(ends - before), np.abs(ends - next_one)) <= APART_MS
        in_stored_hour = (after > 0) & (after < len(at)) & (next_one - before <= _HOUR_MS)
        if file.is_video:  # what is stored of the hour may be its music
            in_stored_hour[:] = False
        is_stored = np.zeros(len(ends), np.bool_)
        for place in np.flatnonzero(is_near & counts).tolist():
            is_stored[place] = known.has(int(ends[place]), file.tracks[place])
        found.append(Share(file.name, int(np.sum(counts & (is_stored | in_stored_hour))), int(np.sum(is_stored))))
    return found


def find_mixed(plays: Plays) -> Mixed | None:
    """The plays in a row of which the most lie over the play before, if those are more than one person's can be."""
    counts = plays.ms_played >= COUNTS_FROM_MS
    ends = plays.played_at[counts]
    is_beside = _lies_over_the_one_before(ends, ends - plays.ms_played[counts])
    length = min(_IN_A_ROW, len(is_beside))
    if length < _ENOUGH_IN_A_ROW:
        return None
    before = np.r_[0, np.cumsum(is_beside)]
    beside = before[length:] - before[:-length]
    most = int(np.argmax(beside))
    if beside[most] * 5 < length:
        return None
    return Mixed(to_instant(int(ends[most])), to_instant(int(ends[most + length])), length, int(beside[most]))


def _lies_over_the_one_before(ends: Column, starts: Column) -> NDArray[np.bool_]:
    """Of each play but the first, the earliest end first.

    Of plays with one end nothing is concluded: files without beginnings have all plays of a trip offline at one `ts`.
    """
    return (ends[:-1] - starts[1:] >= _BESIDE_MS) & (ends[1:] > ends[:-1])


@dataclass(frozen=True)
class _Played:
    """The plays of a file that count, the earliest end first. `rate`: how many of them lie over the one before."""

    file: FilePlays
    ends: Column
    starts: Column
    tracks: Column
    rate: float

    @classmethod
    def of(cls, file: FilePlays) -> "_Played":
        ends, tracks = np.array(file.instants, np.int64), np.array(file.tracks, np.int64)
        starts = ends - np.array(file.played_ms, np.int64)
        order = np.argsort(ends, kind="stable")
        order = order[tracks[order] != 0]
        ends, starts, tracks = ends[order], starts[order], tracks[order]
        is_beside = _lies_over_the_one_before(ends, starts)
        return cls(file, ends, starts, tracks, float(np.mean(is_beside)) if len(is_beside) else 0.0)


def find_two_people(files: Sequence[FilePlays]) -> tuple[FilePlays, FilePlays] | None:
    """Two files of which one has plays from while plays of the other one lasted, more often than in one file.

    Two people who listen for an hour or two a day have one play in fifteen lying over one of the other's.
    """
    played = [each for each in map(_Played.of, files) if len(each.ends)]
    for one, other in combinations(played, 2):
        usual = 2 * max(one.rate, other.rate) + _USUAL_RATE
        if _lies_over(one, other, usual) or _lies_over(other, one, usual):
            return one.file, other.file
    return None


def _lies_over(one: _Played, other: _Played, usual: float) -> bool:
    """Plays that both files have are not a sign: an export that is requested again has them, some under another id.

    Nor are those with one `ts`: of a trip offline, it says when the plays were reported.
    """
    first, last = np.searchsorted(one.ends, other.ends[0]), np.searchsorted(one.ends, other.ends[-1], "right")
    ends, starts, tracks = one.ends[first:last], one.starts[first:last], one.tracks[first:last]
    after = np.searchsorted(other.ends, starts + _BESIDE_MS)
    at = np.minimum(after, len(other.ends) - 1)
    is_over = (after < len(other.ends)) & (other.starts[at] + _BESIDE_MS <= ends) & (other.tracks[at] != tracks)
    _, place, plays_of_end = np.unique(ends, return_inverse=True, return_counts=True)
    is_over &= plays_of_end[place] == 1
    theirs = set(zip(other.ends.tolist(), other.starts.tolist(), strict=True)) if is_over.any() else set()
    over = zip(ends[is_over].tolist(), starts[is_over].tolist(), strict=True)
    beside = sum(play not in theirs for play in over)
    return beside >= _ENOUGH_PLAYS and beside > usual * len(ends)


def _refuse_another_listener(listener: str, account: Account) -> None:
    if others := sorted(account.reading.listeners - {listener}):
        raise CliError(
            f"The file holds plays of {', '.join(others):.200}, not of {listener} alone. Nothing was stored. To store "
            f"them as plays of {listener}, run the command again with --anyway."
        )


def _refuse_strangers(listener: str, account: Account, found: Iterable[Share]) -> None:
    comparison, accounts = account.comparison, len(account.reading.account_names)
    if accounts > 1:
        raise CliError(f"The files are of {accounts} Spotify accounts. Give those of {listener} alone. {_ANYWAY}")
    if comparison.stored >= _ENOUGH_PLAYS and comparison.missing * 2 > comparison.stored:
        raise CliError(
            f"This does not look like the export of {listener}: it lacks {comparison.missing:,} of "
            f"{counted(comparison.stored, 'play')} stored in the same time. {_ANYWAY}"
        )
    for share in found:
        if share.expected >= _ENOUGH_PLAYS and share.found * 5 < share.expected:
            raise CliError(
                f"{share.name} does not look like a file of {listener}: of "
                f"{counted(share.expected, 'play')} in hours that are stored completely, {share.found:,} are stored. "
                f"Leave it out. {_ANYWAY}"
            )
    if isinstance(account.reading.plays, Plays) and (mixed := find_mixed(account.reading.plays)):
        raise CliError(
            f"Of {counted(mixed.plays, 'play')} between {minute(mixed.first)} and {minute(mixed.last)} UTC, "
            f"{mixed.beside:,} were played while another one was, so the files mix the histories of two people. "
            f"Give that of {listener} alone. {_ANYWAY}"
        )
    if two := find_two_people(account.reading.files):
        raise CliError(
            f"{two[0].name} and {two[1].name} hold plays of the same time, so they are of two people. "
            f"Give those of {listener} alone. {_ANYWAY}"
        )


def _own_accounts(place: Place, listener: str) -> set[str]:
    """The ids of the account that consented; none where `authorize` has not kept them. Exports before 2023 name one."""
    store = SecretStore(place)
    secret = store.listeners().get(listener)
    payload = store.read(secret) if secret else None
    return set(str((payload or {}).get("account_ids", "")).split())
