"""Google's clients for a place, with the owner's own credentials, and what they raise in the words of this project."""

from collections.abc import Mapping
from typing import Any

import google.auth
import requests
from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    RetryError,
    ServerError,
    TooManyRequests,
    Unauthorized,
    from_http_response,
)
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery, dataproc_v1
from google.cloud.secretmanager import SecretManagerServiceClient
from google.cloud.storage import Bucket
from google.cloud.storage import Client as StorageClient
from google.cloud.storage.exceptions import DataCorruption
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports.rest import PublisherRestTransport

from cli.console import Misused, duration
from cli.place import Place
from localcloud.gcp.credentials import of_laptop

_CALL_SECONDS = 30
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]

JOB_SECONDS = 600
"""How long a command waits for one job of BigQuery's, which may change thousands of partitions."""

EXPECTED = (GoogleAPIError, GoogleAuthError, requests.RequestException, TimeoutError, DataCorruption)
"""All that a call to Google may raise: TimeoutError where a job of BigQuery's takes longer than JOB_SECONDS,
DataCorruption where an object arrives damaged."""

_BILLING = "Link a billing account under “Billing” in the Google Cloud console."
_DEPLOY = "Run `make deploy`, which enables it."
_STEPS = {
    "billingNotEnabled": _BILLING,
    "BILLING_DISABLED": _BILLING,
    "accessNotConfigured": _DEPLOY,
    "SERVICE_DISABLED": _DEPLOY,
    "quotaExceeded": "“Quotas” in the Google Cloud console shows which quota. One that counts by the day starts "
    "again at midnight in California.",
    "rateLimitExceeded": "Try again in a minute.",
}
"""By Google's reason: a 403 is not always a missing right, nor a 429 over in a minute."""
_LOG_IN = "`gcloud auth application-default login`"
_NOT_REACHED = (requests.RequestException, TransportError, RetryError, ServerError, TooManyRequests, DataCorruption)


def secret_manager(place: Place) -> SecretManagerServiceClient:
    endpoint = place.endpoint("SECRETMANAGER_EMULATOR_HOST")
    options = {"api_endpoint": endpoint} if endpoint else None
    return SecretManagerServiceClient(credentials=_credentials(place), transport="rest", client_options=options)


def warehouse(place: Place) -> bigquery.Client:
    """The dataset is set: statements name tables only."""
    endpoint = place.endpoint("BIGQUERY_EMULATOR_HOST")
    dataset = bigquery.DatasetReference(place.project, place.dataset)
    return bigquery.Client(
        place.project,
        location=place.region,
        credentials=_credentials(place),
        client_options={"api_endpoint": endpoint} if endpoint else None,
        default_query_job_config=bigquery.QueryJobConfig(default_dataset=dataset),
    )


def landing_and_quarantine(place: Place) -> list[Bucket]:
    """Raises Misused where no setting names them."""
    names = [place.settings.get(name) for name in ("LANDING_BUCKET", "QUARANTINE_BUCKET")]
    if not all(names):
        raise Misused(
            "Which buckets hold the files? Set LANDING_BUCKET and QUARANTINE_BUCKET, or run `make deploy`, "
            "whose outputs are read."
        )
    endpoint = place.endpoint("STORAGE_EMULATOR_HOST")
    options = {"api_endpoint": endpoint} if endpoint else None
    client = StorageClient(place.project, credentials=_credentials(place), client_options=options)
    return [client.bucket(name) for name in names]


def batches(place: Place) -> dataproc_v1.BatchControllerClient:
    endpoint = place.endpoint("DATAPROC_EMULATOR_HOST") or f"{place.region}-dataproc.googleapis.com"
    return dataproc_v1.BatchControllerClient(
        credentials=_credentials(place), transport="rest", client_options={"api_endpoint": endpoint}
    )


def publisher(place: Place) -> PublisherClient:
    """Publishes at once. The transport is an instance, because PUBSUB_EMULATOR_HOST would replace one that is named."""
    host = place.endpoint("PUBSUB_EMULATOR_HOST") or "pubsub.googleapis.com"
    return PublisherClient(transport=PublisherRestTransport(host=host, credentials=_credentials(place)))


def call(place: Place, method: str, url: str, **options: Any) -> requests.Response:
    """One of the few calls to Google's other APIs, which are not worth a library each; raises what these raise."""
    response: requests.Response = AuthorizedSession(_credentials(place)).request(
        method, url, timeout=_CALL_SECONDS, **options
    )
    if not response.ok:
        error: GoogleAPICallError = from_http_response(response)  # type: ignore[no-untyped-call]
        raise error
    return response


def _credentials(place: Place) -> Any:
    """A stand-in accepts the laptop cloud's own; the owner's are not sent to it."""
    if place.endpoint("SECRETMANAGER_EMULATOR_HOST"):
        return of_laptop(place.settings)
    return google.auth.default(scopes=_SCOPES, quota_project_id=place.project)[0]


def explain(error: Exception, place: Place) -> str:
    """A sentence and the next step, for any of EXPECTED."""
    if isinstance(error, TimeoutError):
        return (
            f"BigQuery had not finished a job after {duration(JOB_SECONDS)}, so the command stopped. A job stores "
            "everything or nothing: run the command again."
        )
    if isinstance(error, _NOT_REACHED) and not _step(error):
        if place.laptop is None:
            return f"Google Cloud did not answer as it should ({type(error).__name__}). Try again in a minute."
        logs = place.laptop.directory / "logs"
        what = f"The laptop cloud did not answer as it should ({type(error).__name__})"
        return f"{what}. Is it still running? Its logs: {logs}"
    if isinstance(error, DefaultCredentialsError):
        return f"This computer has no credentials for Google Cloud. Run {_LOG_IN}."
    if isinstance(error, GoogleAuthError | Unauthorized):
        return f"Google did not accept this computer's credentials. Run {_LOG_IN} again."
    if isinstance(error, Forbidden) and not _step(error):
        return (
            f"You may not do that in the project {place.project}: {_message(error)} "
            f"Sign in as the project's owner ({_LOG_IN}), or have the owner grant it."
        )
    if isinstance(error, NotFound):
        return f"The project {place.project} lacks what this needs: {_message(error)} Run `make deploy`."
    return f"Google Cloud refused the request: {_message(error)} {_step(error)}".rstrip()


def _step(error: Exception) -> str:
    """What the error's reason says to do; empty where it says nothing. A RetryError's reason is that of its cause."""
    error = getattr(error, "cause", error)
    reasons = [each.get("reason") for each in getattr(error, "errors", ()) if isinstance(each, Mapping)]
    return next((_STEPS[each] for each in (getattr(error, "reason", None), *reasons) if each in _STEPS), "")


def _message(error: Exception) -> str:
    """Google's words; of a RetryError those of its cause, as its own tell only how long the client retried."""
    error = getattr(error, "cause", None) or error
    text = error.message if isinstance(error, GoogleAPICallError) else str(error)
    return text.strip().rstrip(".") + "."
