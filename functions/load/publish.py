"""Tells the rest of the project that new plays are in the warehouse: the topic `plays-loaded`."""

import json
from datetime import UTC, datetime

from google.api_core.retry import Retry
from google.pubsub_v1 import PublisherClient, PubsubMessage
from google.pubsub_v1.services.publisher.transports.rest import PublisherRestTransport

_CALL_SECONDS = 30
# The client's own default repeats for ten minutes, longer than an event may take.
_RETRY = Retry(initial=0.5, maximum=10, timeout=60)


def publisher_client(host: str) -> PublisherClient:
    """A client that publishes at once, without the batching and the threads of google.cloud.pubsub_v1.

    The transport is an instance, because the client replaces one that is named by a gRPC channel when
    PUBSUB_EMULATOR_HOST is set.
    """
    return PublisherClient(transport=PublisherRestTransport(host=host))


def publish_plays_loaded(
    publisher: PublisherClient, topic_path: str, run_id: str, slot: datetime, rows_new: int, committed_at: datetime
) -> None:
    message = PubsubMessage(data=plays_loaded_json(run_id, slot, rows_new, committed_at).encode())
    publisher.publish(topic=topic_path, messages=[message], retry=_RETRY, timeout=_CALL_SECONDS)


def plays_loaded_json(run_id: str, slot: datetime, rows_new: int, committed_at: datetime) -> str:
    """The message. `committed_at` is when the MERGE ended: a batch created later has seen the new plays."""
    return json.dumps(
        {
            "run_id": run_id,
            "slot": slot.astimezone(UTC).isoformat(),
            "rows_new": rows_new,
            "committed_at": committed_at.astimezone(UTC).isoformat(),
        }
    )
