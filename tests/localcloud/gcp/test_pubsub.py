"""Pub/Sub as the GAPIC publisher sees it."""

from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, Conflict, MethodNotImplemented, NotFound
from google.auth.credentials import AnonymousCredentials
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports.rest import PublisherRestTransport

from localcloud.gcp.eventarc.cloud_events import MESSAGE_PUBLISHED

TOPIC = "projects/heavy-rotation-laptop/topics/plays-loaded"


@pytest.fixture
def publisher(google: Any) -> PublisherClient:
    transport = PublisherRestTransport(host=google.url, url_scheme="http", credentials=AnonymousCredentials())
    client = PublisherClient(transport=transport)
    client.create_topic(name=TOPIC)
    return client


def test_each_message_has_an_id_of_its_own_and_becomes_an_event(google: Any, publisher: PublisherClient) -> None:
    google.events.subscribe(MESSAGE_PUBLISHED, lambda headers, body: 200, "plays-loaded")

    first = publisher.publish(topic=TOPIC, messages=[{"data": b'{"rows_new": 3}'}, {"data": b"y"}])
    second = publisher.publish(topic=TOPIC, messages=[{"data": b"x"}])

    ids = [*first.message_ids, *second.message_ids]
    assert len(set(ids)) == 3
    assert google.events.deliver_pending() == [(message_id, 200) for message_id in ids]


def test_a_topic_is_made_once_and_must_exist(publisher: PublisherClient) -> None:
    with pytest.raises(Conflict):
        publisher.create_topic(name=TOPIC)
    with pytest.raises(NotFound, match=r"Resource not found \(resource=missing\)"):
        publisher.publish(topic=f"{TOPIC[:-12]}missing", messages=[{"data": b"x"}])


def test_a_message_without_content_is_refused_and_the_whole_request_with_it(
    google: Any, publisher: PublisherClient
) -> None:
    google.events.subscribe(MESSAGE_PUBLISHED, lambda headers, body: 200)
    with pytest.raises(BadRequest, match="neither data nor attributes"):
        publisher.publish(topic=TOPIC, messages=[{"data": b"good"}, {}])
    assert google.events.deliver_pending() == []


def test_what_is_not_imitated_says_so(publisher: PublisherClient) -> None:
    for name, more in (("orderingKey", {"ordering_key": "k"}), ("attributes", {"attributes": {"k": "v"}})):
        with pytest.raises(MethodNotImplemented, match=rf"does not imitate messages\.{name}"):
            publisher.publish(topic=TOPIC, messages=[{"data": b"x", **more}], retry=None)
