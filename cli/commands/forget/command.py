"""Deletes everything of a listener: consent, plays, gaps, tracks, top ten, files, and the name in the ledger.

What belongs to other listeners stays. It is safe to repeat, and to be repeated after it was stopped. It takes a quarter
of an hour in the cloud: runs that began before have to end first. Spotify's terms want it done within five days of a
listener's disconnecting.
"""

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cli import consent
from cli.commands.forget import rows as forget_rows
from cli.commands.forget.files import Objects
from cli.console import CliError, Misused, counted, print_counts, print_json, print_table, say, show
from cli.place import Place
from cli.secret_store import SecretStore, known_listeners
from cli.waiting import Deadline
from cli.warehouse import Warehouse

HELP = "Delete everything of a listener: consent, plays, files"

# Two are the rule. A token that was rotated meanwhile, and what a run collected with it, take two more.
_PASSES = 5
_WORDS = {
    "versions": "versions of the refresh token destroyed",
    "plays": "plays deleted",
    "gaps": "gaps deleted",
    "closed_gaps": "closed gaps deleted",
    "imports": "rows of the list of imports deleted",
    "tracks": "rows of the list of tracks deleted",
    "top_tracks": "rows of the top ten deleted",
    "runs": "rows of the ledger reworded",
    "deleted": "files deleted",
    "rewritten": "files rewritten without the listener's rows",
}


class Remains(NamedTuple):
    """What is still somewhere after the command, and what ends it where nothing ends by itself."""

    where: str
    how_long: str


_BY_HAND = [
    Remains("Spotify: the consent. The listener removes it on https://www.spotify.com/account/apps/", "until removed"),
    Remains("Spotify: name and e-mail address in the app's User Management. You remove them there", "until removed"),
    Remains("Your own files: exports, zips, copies of quarantined files, mails of alerts", "until deleted"),
]
# cloud.google.com: bigquery/docs/time-travel, bigquery/docs/cached-results, bigquery/docs/information-schema-jobs,
# logging/quotas#logs_retention_periods. What terraform/ sets is tested against it.
REMAINS = [
    Remains("BigQuery's time travel: deleted rows, for who may query the dataset", "48 hours"),
    Remains("BigQuery's fail-safe after that: only Google's support reaches it, and nothing ends it", "7 days"),
    Remains("BigQuery's cached results: plays that you or the dashboard have queried", "24 hours"),
    Remains(
        "BigQuery's job history: the listener's name and some plays in parameters, rows in errors of load jobs",
        "180 days",
    ),
    Remains(
        "Cloud Logging: the listener's name; rows, where an entry of Google's quotes them from an error",
        "30 days",
    ),
    Remains(
        "Cloud Monitoring: the listener's name, on the page of each alert that was mailed about them",
        "as long as Google keeps it",
    ),
    Remains(
        "Cloud Run's request log: viewers' pages, with the listener's name, ids of tracks and words searched for",
        "30 days",
    ),
    Remains(
        "Cloud Audit Logs: the name of the listener's secret; deployed settings with names and viewers' addresses",
        "400 days",
    ),
    Remains("Spark's temporary files, where a batch was killed, and the output of batches", "1 day"),
    Remains("The dashboard's memory: plays that it has read", "until its instance ends"),
    Remains("Cloud Run's earlier revisions: names and viewers' addresses among the settings", "until deleted"),
    Remains(
        "Terraform's state and settings: the name; in the state's bucket 20 earlier versions",
        "until replaced",
    ),
    *_BY_HAND,
    Remains(
        "Google Auth Platform: viewers' addresses among the test users, with oidc. You remove them there",
        "until removed",
    ),
]
REMAINS_ON_LAPTOP = [
    Remains("Logs below the laptop cloud's folder: the listener's name, no plays", "until deleted"),
    Remains("The dashboard's memory: plays that it has read", "until it ends"),
    *_BY_HAND,
]


class _Traces:
    """What there is of a listener at one place. `removed`: what has become of it so far."""

    def __init__(self, listener: str, place: Place) -> None:
        self.listener = listener
        self.store, self.warehouse, self._objects = SecretStore(place), Warehouse(place), Objects(place)
        self.removed, self.unreadable = Counter[str](), list[str]()

    def remove(self) -> Counter[str]:
        """One pass over everything, and what it found.

        The consent first, so that no run collects more; rows after files, so that no file brings them back.
        """
        found = Counter({"versions": self.store.erase(self.listener)})
        say("Looking through the files …")
        files = self._objects.forget(self.listener)
        say("Deleting rows …")
        found.update(forget_rows.forget(self.warehouse, self.listener))
        found.update(change for _, change in files if change != "unreadable")
        self.unreadable += [name for name, change in files if change == "unreadable"]
        self.removed += found
        return found

    def unknown(self) -> str:
        """A sentence for a name that has neither a secret nor plays, as a mistyped one; else empty."""
        known = known_listeners(self.store, self.warehouse)
        if self.listener in known or self.store.secrets_of(self.listener):
            return ""
        return f"Nothing of {self.listener} was found. " + (f"Known are: {', '.join(known)}." if known else "")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("listener", metavar="LISTENER", help="who is to be forgotten")
    parser.add_argument("--yes", action="store_true", help="do not ask whether it is meant")
    parser.add_argument(
        "--no-wait",
        action="store_true",
        help="do not wait for runs that began before; the command says when it has to be run again",
    )


def run(options: argparse.Namespace, place: Place) -> int:
    consent.check_listener(options.listener)
    traces = _Traces(options.listener, place)
    if not options.yes:
        _ask(traces, place)
    deadline = Deadline(place, traces.store.erased_at(options.listener))
    _forget(traces, deadline, place, waits=not options.no_wait)
    if place.laptop:
        place.laptop.control("google", "POST", "scrub")
    remains = REMAINS_ON_LAPTOP if place.laptop else REMAINS
    if options.json:
        counts = {name: traces.removed[name] for name in _WORDS}
        print_json({"listener": options.listener, **counts, "remains": [each._asdict() for each in remains]})
    else:
        _show(traces, remains)
    if unfinished := list(_unfinished(traces, place, deadline if options.no_wait else None)):
        raise CliError("\n".join(unfinished))
    return 0


def _ask(traces: _Traces, place: Place) -> None:
    if not sys.stdin.isatty():
        raise Misused("Standard input is not a terminal, so the command cannot ask for confirmation: give --yes")
    listener, rows = traces.listener, forget_rows.count(traces.warehouse, traces.listener)
    if not any(rows.values()) and (unknown := traces.unknown()):
        say(unknown)
    say(
        f"In the project {place.project} this deletes the consent of {listener}, {counted(rows['plays'], 'play')} and "
        "all files."
    )
    say("Nothing brings them back but Spotify's own export. Type the listener's name to go on:")
    if sys.stdin.readline().strip() != listener:
        raise CliError("That is not the name. Nothing was deleted.")


def _forget(traces: _Traces, deadline: Deadline, place: Place, *, waits: bool) -> None:
    """Pass after pass, until one finds nothing although everything that began before has ended."""
    for number in range(_PASSES):
        if number and waits:
            deadline.wait()
        found = traces.remove()
        if not number and not found.total() and (unknown := traces.unknown()):
            say(unknown)
        deadline.prolong(found)
        if number and not found.total():
            return
    raise CliError(
        f"Something of {traces.listener} comes back again and again: is an import under way, or was consent renewed? "
        f"What is deleted is deleted. Run {place.command('runs')} to see it, end it, then run this command again."
    )


def _unfinished(traces: _Traces, place: Place, deadline: Deadline | None) -> Iterator[str]:
    """`deadline`: of what was not waited for, which may have ended meanwhile."""
    if names := traces.unreadable:
        yield (
            f"{counted(len(names), 'file')} with the listener's name could not be read as CSV: {', '.join(names)}. "
            "Everything else is deleted. Look at them and delete them by hand, then run this command again."
        )
    if deadline and (left := deadline.left()):
        yield (
            f"What is deleted can still come back: {', and '.join(left)}. After that, run "
            f"{place.command(f'forget {shlex.quote(traces.listener)}')} again."
        )


def _show(traces: _Traces, remains: Sequence[Remains]) -> None:
    print_counts(("", "what became of it"), [(traces.removed[name], words) for name, words in _WORDS.items()])
    if traces.store.secrets_of(traces.listener):
        show(
            f"\nTake {traces.listener} out of terraform.tfvars (`listeners`, and `dashboard` where it is named) and "
            "apply. Until then every run records, by name, that consent is missing; this command, run again, takes the "
            "name out."
        )
    show("\nWhat remains, where and for how long:\n")
    print_table(("how long", "where"), [(each.how_long, each.where) for each in remains])
