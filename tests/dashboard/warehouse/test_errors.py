"""An error of Google's client as text: who can do what about it, and whether other tables would wait in vain too."""

import pytest
import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from warehouse.errors import UNREADABLE, TablesMissing, as_unreadable, is_outage

PRIVATE = "my-project:listening for me@example.org"
REFUSED = "BigQuery refused the query"
ACCOUNT = "does not let the dashboard's account read the tables. It needs the two roles"
CREDENTIALS = "has no credentials that Google accepts"
OUTAGE = "BigQuery did not answer."


def with_reason(kind: type[api.GoogleAPICallError], reason: str) -> api.GoogleAPICallError:
    return kind(PRIVATE, errors=[{"reason": reason, "message": PRIVATE}])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (with_reason(api.BadRequest, "bytesBilledLimitExceeded"), "`MAXIMUM_BYTES_BILLED`"),
        # Google's client does not know the reason of a job that failed with it, and says 500.
        (with_reason(api.InternalServerError, "bytesBilledLimitExceeded"), "`MAXIMUM_BYTES_BILLED`"),
        (with_reason(api.Forbidden, "quotaExceeded"), "quota for BigQuery is used up"),
        (with_reason(api.Forbidden, "rateLimitExceeded"), "too many requests"),
        (api.RetryError(PRIVATE, with_reason(api.Forbidden, "rateLimitExceeded")), "too many requests"),
        (api.TooManyRequests(PRIVATE), "too many requests"),
        (with_reason(api.BadRequest, "invalidQuery"), REFUSED),
        (api.BadRequest(PRIVATE), REFUSED),
        (with_reason(api.Forbidden, "accessDenied"), ACCOUNT),
        (api.Forbidden(PRIVATE), ACCOUNT),
        (api.Unauthorized(PRIVATE), CREDENTIALS),
        (auth.RefreshError(PRIVATE), CREDENTIALS),
        (auth.DefaultCredentialsError(PRIVATE), CREDENTIALS),
        (with_reason(api.Forbidden, "billingNotEnabled"), "Billing is off for the project"),
        (with_reason(api.NotFound, "notFound"), "another project, dataset or location."),
    ],
)
def test_a_refusal_says_what_can_be_done_and_is_no_outage(error: Exception, text: str):
    assert isinstance(error, UNREADABLE)
    assert text in str(as_unreadable(error))
    assert not is_outage(error)
    assert not [word for word in ("my-project", "listening", "example.org") if word in str(as_unreadable(error))]


@pytest.mark.parametrize(
    "error",
    [
        api.ServiceUnavailable(PRIVATE),
        with_reason(api.InternalServerError, "backendError"),
        api.RetryError(PRIVATE, api.BadGateway(PRIVATE)),
        api.RetryError(PRIVATE, None),
        auth.TransportError(PRIVATE),
        requests.ConnectTimeout(PRIVATE),
        requests.ConnectionError(PRIVATE),
        ConnectionResetError(PRIVATE),
        TimeoutError(PRIVATE),
    ],
)
def test_time_outs_broken_connections_and_errors_of_the_server_are_outages(error: Exception):
    assert isinstance(error, UNREADABLE)
    assert is_outage(error)
    assert str(as_unreadable(error)) == OUTAGE


def test_only_what_is_not_there_is_taken_for_nothing_deployed():
    assert isinstance(as_unreadable(api.NotFound(PRIVATE)), TablesMissing)
    assert not isinstance(as_unreadable(api.Forbidden(PRIVATE)), TablesMissing)
