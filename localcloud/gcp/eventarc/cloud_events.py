"""The two events of this project: Eventarc's, a binary CloudEvent with `data` as body; Pub/Sub's push, plain JSON."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

FINALIZED = "google.cloud.storage.object.v1.finalized"
MESSAGE_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"

# What the CloudEvents HTTP binding leaves unescaped in a header: printable ASCII but for space, quote and percent.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


@dataclass(frozen=True)
class Event:
    """`target` is what a subscription filters on (a bucket or a topic id); `key` names what the event is about."""

    id: str
    type: str
    target: str
    key: str
    headers: dict[str, str]
    body: bytes


def object_finalized(event_id: str, time: str, resource: dict[str, Any]) -> Event:
    """An object was created or overwritten; `resource` is the object as the JSON API shows it."""
    bucket, name = resource["bucket"], resource["name"]
    headers = {
        "Content-Type": "application/json",
        "ce-id": event_id,
        "ce-specversion": "1.0",
        "ce-type": FINALIZED,
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{bucket}",
        "ce-time": time,
        "ce-subject": quote(f"objects/{name}", safe=_PLAIN),
        "ce-bucket": bucket,
    }
    path = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
    media = f"/download{path}?generation={resource['generation']}&alt=media"
    links = {"selfLink": f"https://www.googleapis.com{path}", "mediaLink": f"https://storage.googleapis.com{media}"}
    return Event(event_id, FINALIZED, bucket, name, headers, json.dumps(resource | links).encode())


def message_published(topic: str, message: dict[str, Any]) -> Event:
    """A message was published to projects/P/topics/T; it holds data (base64), messageId, publishTime."""
    project, _, topic_id = topic.partition("/topics/")
    message_id = message["messageId"]
    body = {
        "message": message | {"message_id": message_id, "publish_time": message["publishTime"]},
        "subscription": f"{project}/subscriptions/push-{topic_id}",
    }
    headers = {"Content-Type": "application/json"}
    return Event(message_id, MESSAGE_PUBLISHED, topic_id, message_id, headers, json.dumps(body).encode())
