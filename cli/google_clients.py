"""Google's clients for a place. The credentials are the owner's own."""

from typing import Any

import google.auth
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery, dataproc_v1
from google.cloud.secretmanager import SecretManagerServiceClient
from google.cloud.storage import Client as StorageClient
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports.rest import PublisherRestTransport

from cli.place import Place
from localcloud.gcp.credentials import of_laptop

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def secret_manager(place: Place) -> SecretManagerServiceClient:
    endpoint = place.endpoint("SECRETMANAGER_EMULATOR_HOST")
    options = {"api_endpoint": endpoint} if endpoint else None
    return SecretManagerServiceClient(credentials=_credentials(place), transport="rest", client_options=options)


def warehouse(place: Place) -> bigquery.Client:
    """Knows the dataset: statements name tables only."""
    endpoint = place.endpoint("BIGQUERY_EMULATOR_HOST")
    dataset = bigquery.DatasetReference(place.project, place.dataset)
    return bigquery.Client(
        place.project,
        location=place.region,
        credentials=_credentials(place),
        client_options={"api_endpoint": endpoint} if endpoint else None,
        default_query_job_config=bigquery.QueryJobConfig(default_dataset=dataset),
    )


def storage(place: Place) -> StorageClient:
    endpoint = place.endpoint("STORAGE_EMULATOR_HOST")
    options = {"api_endpoint": endpoint} if endpoint else None
    return StorageClient(place.project, credentials=_credentials(place), client_options=options)


def batches(place: Place) -> dataproc_v1.BatchControllerClient:
    endpoint = place.endpoint("DATAPROC_EMULATOR_HOST") or f"{place.region}-dataproc.googleapis.com"
    return dataproc_v1.BatchControllerClient(
        credentials=_credentials(place), transport="rest", client_options={"api_endpoint": endpoint}
    )


def publisher(place: Place) -> PublisherClient:
    """Publishes at once. The transport is an instance, because PUBSUB_EMULATOR_HOST would replace one that is named."""
    host = place.endpoint("PUBSUB_EMULATOR_HOST") or "pubsub.googleapis.com"
    return PublisherClient(transport=PublisherRestTransport(host=host, credentials=_credentials(place)))


def session(place: Place) -> AuthorizedSession:
    """For the few calls to Google's other APIs, which are not worth a library each."""
    return AuthorizedSession(_credentials(place))


def _credentials(place: Place) -> Any:
    """A stand-in knows the laptop cloud's own; the owner's are not sent to it."""
    if place.endpoint("SECRETMANAGER_EMULATOR_HOST"):
        return of_laptop(place.settings)
    return google.auth.default(scopes=_SCOPES, quota_project_id=place.project)[0]
