"""The errors of load, permanent and transient.

LoadProblem
├── permanent
│   ├── EventUnreadable   the event lacks what names an object, and will lack it next time
│   ├── FileRefused       by BigQuery, which read the file, or by load for a value out of bounds
│   ├── ObjectGone        the object was deleted before it could be loaded
│   └── LoadBroken        a value or a mistake of ours that a repeat would meet again
└── transient
    ├── SettingsError     until the next deployment: a setting is missing or malformed
    ├── TableUnfit        until the tables are applied: the table `plays` is missing, or load's grant on it
    └── JobFailed         a BigQuery job did not do its work this time

A permanent error is logged, recorded and not retried. Everything else, errors of Google's clients included,
leaves the function as it is, so that the platform delivers the event again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any

# The one reason of https://cloud.google.com/bigquery/docs/error-messages that condemns the file itself: a header or a
# value does not fit the table's schema, and the same bytes never will. The others are about the moment (backendError,
# rateLimitExceeded, tableUnavailable, stopped, …) or about what the owner can correct while the platform still retries
# (accessDenied, billingNotEnabled, quotaExceeded). `notFound` is decided by looking whether the object is still there,
# because it may name the table as well.
REFUSAL = "invalid"


class LoadProblem(Exception):
    """Anything load itself finds wrong."""


class EventUnreadable(LoadProblem):
    pass


class SettingsError(LoadProblem):
    """The text names the setting, never its value."""


class TableUnfit(LoadProblem):
    pass


class ObjectGone(LoadProblem):
    pass


class LoadBroken(LoadProblem):
    """The text says where."""


class JobFailed(LoadProblem):
    pass


class FileRefused(LoadProblem):
    """`errors` are BigQuery's, the final error first; load's own have the same form.

    They, and so the exception's text, may quote rows: only the quarantine bucket gets them.
    """

    def __init__(self, errors: Sequence[Mapping[str, Any]], by: str = "BigQuery") -> None:
        self.by, self.errors = by, list[dict[str, Any]]()
        self.add(errors)

    def add(self, errors: Sequence[Mapping[str, Any]]) -> None:
        self.errors += [dict(error) for error in errors if error not in self.errors]

    def __str__(self) -> str:
        return " | ".join(dict.fromkeys(str(error.get("message", "")) for error in self.errors))


def without_addresses(text: str) -> str:
    """An error's text without the e-mail addresses in it."""
    return re.sub(r"\S*@\S*", "…", text)


# The same again for the same event: an event that cannot succeed would come for a day and hold others back.
_MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError, ValueError)
_FOLDER = Path(__file__).parent


@contextmanager
def mistakes_are_permanent() -> Iterator[None]:
    """Raises LoadBroken for what Python raises in the function's own code for a value or a mistake of ours.

    What a library raises is about the moment, and left as it is: Google's clients raise KeyError for an answer that
    lacks a field.
    """
    try:
        yield
    except _MISTAKES as error:
        frames = extract_tb(error.__traceback__)
        folders = [Path(frame.filename).parent for frame in frames]
        # Python's own modules are passed over: who called them decides.
        if [folder for folder in folders if folder == _FOLDER or "site-packages" in folder.parts][-1] != _FOLDER:
            raise
        # Without the error's own text, which may quote what it choked on.
        last = frames[-1]
        place = f"{Path(last.filename).name}, line {last.lineno}"
        raise LoadBroken(f"No repeat can help: {type(error).__name__} in {place}") from error
