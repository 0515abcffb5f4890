"""The two events of this project in Eventarc's form: binary CloudEvents, `data` as the body."""

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

    type: str
    target: str
    key: str
    headers: dict[str, str]
    body: bytes


def object_finalized(event_id: str, time: str, resource: dict[str, Any]) -> Event:
    """An object was created or overwritten; `resource` is the object as the JSON API shows it."""
    bucket, name = resource["bucket"], resource["name"]
    headers = _headers(event_id, FINALIZED, f"//storage.googleapis.com/projects/_/buckets/{bucket}", time)
    headers |= {"ce-subject": quote(f"objects/{name}", safe=_PLAIN), "ce-bucket": bucket}
    path = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
    media = f"/download{path}?generation={resource['generation']}&alt=media"
    links = {"selfLink": f"https://www.googleapis.com{path}", "mediaLink": f"https://storage.googleapis.com{media}"}
    return Event(FINALIZED, bucket, name, headers, json.dumps(resource | links).encode())


def message_published(topic: str, message: dict[str, Any]) -> Event:
    """A message was published to projects/P/topics/T; it holds data (base64), messageId, publishTime."""
    project, _, topic_id = topic.partition("/topics/")
    message_id, time = message["messageId"], message["publishTime"]
    headers = _headers(message_id, MESSAGE_PUBLISHED, f"//pubsub.googleapis.com/{topic}", time)
    body = {
        "message": message | {"message_id": message_id, "publish_time": time},
        "subscription": f"{project}/subscriptions/eventarc-{topic_id}",
    }
    return Event(MESSAGE_PUBLISHED, topic_id, message_id, headers, json.dumps(body).encode())


def _headers(event_id: str, event_type: str, source: str, time: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "ce-id": event_id,
        "ce-specversion": "1.0",
        "ce-type": event_type,
        "ce-source": source,
        "ce-time": time,
    }
