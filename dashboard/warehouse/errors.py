"""BigQuery's errors as sentences for a page, with the next step.

Never the error's own text, which may name projects and accounts.

    WarehouseUnreadable   no rows came, and there is no copy to fall back on
    └── TablesMissing     the dataset or a table is not there: nothing was deployed, or the setting is wrong
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError

import requests
from google.api_core.exceptions import (
    Forbidden,
    GoogleAPIError,
    NotFound,
    RetryError,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError, TransportError


class ColumnsMissing(Exception):
    """A table that is listed lacks columns; the text names them."""


UNREADABLE = (
    *(GoogleAPIError, GoogleAuthError, requests.RequestException, FutureTimeoutError, ConnectionError),
    ColumnsMissing,
)
"""What Google's client raises when rows do not come, and what the store does when they are not those it reads."""

_OUTAGE = (ServerError, RetryError, TransportError, requests.RequestException, FutureTimeoutError, ConnectionError)
_NOT_THERE = "The tables are not there yet, or the settings name another project, dataset or location."
_TOO_OFTEN = "rateLimitExceeded"
_ANSWERS = {
    "bytesBilledLimitExceeded": "The query would be billed for more than `MAXIMUM_BYTES_BILLED` allows. Its "
    "owner can set it higher where the dashboard is deployed.",
    "quotaExceeded": "The project's quota for BigQuery is used up. Its owner sees which one under “Quotas” in the "
    "Google Cloud console; one that counts by the day starts again at midnight in California.",
    "billingNotEnabled": "Billing is off for the project, and without it BigQuery answers no query. Its owner links a "
    "billing account soon, under “Billing” in the Google Cloud console: Google may delete resources of a project "
    "without billing.",
    _TOO_OFTEN: "BigQuery received too many requests within a short time. Try again in a minute.",
}
"""By BigQuery's reason (https://cloud.google.com/bigquery/docs/error-messages), which says more than the status: of a
job that fails with the first Google's client makes a 500, and a 403 can be a quota as well as a missing right."""


class WarehouseUnreadable(Exception):
    """The text is a sentence for the page."""


class TablesMissing(WarehouseUnreadable):
    """Nothing has been deployed at this address."""


def is_outage(error: Exception) -> bool:
    """No answer, or BigQuery is out of order: the next call would wait for the same time-out."""
    return _reason(error) not in _ANSWERS and isinstance(_last(error), _OUTAGE)


def is_missing(error: Exception) -> bool:
    """Whether a table may be missing: to an account with grants on tables alone BigQuery only says "Permission
    bigquery.tables.get denied on table … (or it may not exist)".
    """
    return isinstance(_last(error), (NotFound, Forbidden)) and _reason(error) not in _ANSWERS


def of_missing(error: Exception, missing: Sequence[str], present: Sequence[str]) -> WarehouseUnreadable:
    """Where all are missing nothing was deployed; one that is missing beside others is another trouble."""
    if not present or not missing:
        return as_unreadable(error)
    names = " and ".join(f"`{name}`" for name in missing)
    tables, grants = ("table {} is", "its grant is") if len(missing) == 1 else ("tables {} are", "their grants are")
    return WarehouseUnreadable(
        f"The {tables.format(names)} missing in the dataset, or {grants}; the others can be read: dashboard and tables "
        "may be of two versions. `terraform apply` restores both (on a laptop: start the laptop cloud again). Nothing "
        "that is stored is lost by this."
    )


def as_unreadable(error: Exception) -> WarehouseUnreadable:
    last = _last(error)
    if isinstance(last, NotFound):
        return TablesMissing(_NOT_THERE)
    if isinstance(last, ColumnsMissing):
        return WarehouseUnreadable(
            f"{last}: dashboard and tables may be of two versions. Their owner can deploy both again."
        )
    if answer := _ANSWERS.get(_reason(error)):
        return WarehouseUnreadable(answer)
    if is_outage(error):
        return WarehouseUnreadable("BigQuery did not answer.")
    if isinstance(last, (Unauthorized, GoogleAuthError)):
        return WarehouseUnreadable(
            "The dashboard has no credentials that Google accepts. On your own computer run `gcloud auth "
            "application-default login`; where the dashboard is deployed, its owner checks its account's key."
        )
    if isinstance(last, Forbidden):
        return WarehouseUnreadable(
            "BigQuery does not let the dashboard's account read the tables. It needs the two roles "
            "that dashboard/README.md names."
        )
    return WarehouseUnreadable(
        "BigQuery refused the query: dashboard and tables may be of two versions. Their owner can deploy both again; "
        "BigQuery's own message is in the project's job history."
    )


def _last(error: Exception) -> Exception:
    """The last attempt's error, where Google's client retried until its deadline."""
    return error.cause or error if isinstance(error, RetryError) else error


def _reason(error: Exception) -> str:
    """BigQuery's reason code; empty where there is none."""
    last = _last(error)
    if isinstance(last, TooManyRequests):
        return _TOO_OFTEN
    reasons = (each.get("reason") for each in getattr(last, "errors", None) or () if isinstance(each, Mapping))
    return str(next(filter(None, reasons), ""))
