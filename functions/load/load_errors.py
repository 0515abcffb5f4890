"""What can go wrong in load, and which of it a retry can heal.

LoadProblem
├── EventUnreadable   permanent: the event lacks what names an object, and will lack it next time
├── FileRefused       permanent: BigQuery will never take these bytes, or no bound of the table these values
├── ObjectGone        permanent: the object was deleted before it could be loaded
├── SettingsError     transient: heals with the next deployment
├── TableUnfit        transient: heals when the tables are applied
└── JobFailed         transient: the next delivery makes another attempt

A permanent error is logged, recorded and not retried. Everything else, errors of Google's clients included,
leaves the function as it is, so that the platform delivers the event again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

# Reasons from https://cloud.google.com/bigquery/docs/error-messages that condemn the file itself. The others are
# about the moment (backendError, rateLimitExceeded, tableUnavailable, stopped, …) or about what the owner can
# mend while the platform still retries (accessDenied, billingNotEnabled, quotaExceeded). `notFound` is decided by
# looking whether the object is still there, because it may name the table as well.
REFUSALS = {
    "invalid": "a header or a value that does not fit the table's schema; the same bytes never will",
}
# BigQuery quotes the offending rows; a log entry and a ledger row need not hold all of them.
_MESSAGE_CHARACTERS = 1000


class LoadProblem(Exception):  # noqa: N818 -- its kinds read as what happened
    """Anything load itself finds wrong."""


class EventUnreadable(LoadProblem):
    """The event does not say which object it is about."""


class SettingsError(LoadProblem):
    """A setting is missing or malformed; the message names the variable, never its value."""


class TableUnfit(LoadProblem):
    """The table `plays` is missing, or has no primary key to merge on."""


class ObjectGone(LoadProblem):
    """There is nothing left to load."""


class JobFailed(LoadProblem):
    """A BigQuery job did not do its work this time."""


class FileRefused(LoadProblem):
    """The file, or a row of it, is refused: by BigQuery, which read it, or by load for a value out of bounds.

    `errors` is what BigQuery says, the final error first; load says it in the same form.
    """

    def __init__(self, errors: Sequence[Mapping[str, Any]], by: str = "BigQuery") -> None:
        self.by, self.errors = by, [dict(error) for error in errors]
        messages = dict.fromkeys(str(error.get("message", "")) for error in errors)
        super().__init__(" | ".join(messages)[:_MESSAGE_CHARACTERS])
