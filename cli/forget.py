"""Deletes everything of a listener: consent, plays, gaps, top ten, files, and the name in the ledger.

What belongs to other listeners stays. It is safe to repeat, and to be repeated after it was stopped. Spotify's terms
want it done within five days of a listener's disconnecting.
"""

import argparse
import sys
from collections import Counter

from cli import consent, forget_rows
from cli.console import print_json, print_table, say
from cli.errors import CliError, Misused
from cli.forget_objects import Forgotten, Objects
from cli.place import Place
from cli.secret_store import SecretStore
from cli.warehouse import Warehouse

HELP = "Delete everything of a listener: consent, plays, files"

_PASSES = 3
_WORDS = {
    "versions": "versions of the refresh token destroyed",
    "plays": "plays deleted",
    "gaps": "gaps deleted",
    "top_tracks": "rows of the top ten deleted",
    "runs": "rows of the ledger reworded",
    "deleted": "files deleted",
    "rewritten": "files rewritten without the listener's rows",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("listener", metavar="LISTENER", help="who is to be forgotten")
    parser.add_argument("--yes", action="store_true", help="do not ask whether it is meant")


def run(options: argparse.Namespace, place: Place) -> int:
    consent.check_listener(options.listener)
    warehouse, store = Warehouse(place), SecretStore(place)
    if not options.yes:
        _ask(options.listener, forget_rows.count(warehouse, options.listener), place)
    removed = _forget(options.listener, place, warehouse, store)
    if options.json:
        print_json({"listener": options.listener, **{name: removed[name] for name in _WORDS}})
    else:
        _show(removed)
        _print_next_steps(options.listener, place, store)
    return 0


def _ask(listener: str, rows: dict[str, int], place: Place) -> None:
    if not sys.stdin.isatty():
        raise Misused("Nobody is there to be asked whether it is meant: give --yes")
    say(
        f"In the project {place.project} this deletes the consent of {listener}, {rows['plays']:,} plays and all files."
    )
    say("Nothing brings them back but Spotify's own export. Type the listener's name to go on:")
    if sys.stdin.readline().strip() != listener:
        raise CliError("That is not the name. Nothing was deleted.")


def _forget(listener: str, place: Place, warehouse: Warehouse, store: SecretStore) -> Counter[str]:
    """The consent first, so that no run collects more; rows after files, so that no file brings them back."""
    removed = Counter({"versions": store.erase(listener)})
    objects = Objects(place)
    for _ in range(_PASSES):
        say("Looking through the files …")
        found = objects.forget(listener)
        say("Deleting rows …")
        rows = forget_rows.forget(warehouse, listener)
        removed.update(Counter(each.change for each in found) + Counter(rows))
        _refuse_unreadable(found)
        if not found and not any(rows.values()):
            return removed
    raise CliError(
        f"Something of {listener} comes back again and again: a run that began before is still under way. What is "
        f"deleted is deleted. Wait until it has ended ({place.command('runs')}), then run this command again."
    )


def _refuse_unreadable(found: list[Forgotten]) -> None:
    unreadable = [each.name for each in found if each.change == "unreadable"]
    if unreadable:
        raise CliError(
            f"{len(unreadable)} files name the listener and do not say whose their rows are: {', '.join(unreadable)}. "
            "Everything else is deleted. Look at them and delete them by hand, then run this command again."
        )


def _show(removed: Counter[str]) -> None:
    width = max(len(f"{removed[name]:,}") for name in _WORDS)
    print_table(
        ("", "what became of it"), [(f"{removed[name]:,}".rjust(width), words) for name, words in _WORDS.items()]
    )


def _print_next_steps(listener: str, place: Place, store: SecretStore) -> None:
    if listener in store.listeners():
        print(
            f"\nTake {listener} out of terraform.tfvars (`listeners`, and `dashboard` where it is named) and apply, or every "
            "run says that consent lacks."
        )
    if not place.laptop:
        print(
            "\nBigQuery and Cloud Storage keep what was deleted for some more days, where nobody but you can get at it."
        )
