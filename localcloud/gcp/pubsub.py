"""Pub/Sub over REST: topics, and messages that are pushed to subscribers (`eventarc/eventarc.py`)."""

import sqlite3
from typing import Any

from localcloud.clock import Clock
from localcloud.gcp.eventarc.cloud_events import message_published
from localcloud.gcp.eventarc.eventarc import Events
from localcloud.gcp.state import State
from localcloud.web import ApiError, Request, Response, Routes, rfc3339

_TOPIC = "/v1/(?P<topic>projects/[^/]+/topics/[^/:]+)"


class PubSub:
    """`routes` is what a server serves."""

    def __init__(self, state: State, clock: Clock, events: Events) -> None:
        self._state, self._clock, self._events = state, clock, events
        state.create("CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY)")
        self.routes = Routes()
        self.routes.add("PUT", _TOPIC, lambda request: Response.of_json(self.create_topic(request.params["topic"])))
        self.routes.add("POST", f"{_TOPIC}:publish", self._publish)

    def create_topic(self, name: str) -> dict[str, Any]:
        try:
            with self._state.transaction() as db:
                db.execute("INSERT INTO topics VALUES (?)", (name,))
        except sqlite3.IntegrityError:
            message = f"Resource already exists in the project (resource={_topic_id(name)})."
            raise ApiError(409, "alreadyExists", message) from None
        return {"name": name}

    def publish(self, name: str, messages: list[dict[str, Any]]) -> list[str]:
        """Publish all of the messages (data in base64) or none; their ids."""
        with self._state.transaction() as db:
            if db.execute("SELECT 1 FROM topics WHERE name = ?", (name,)).fetchone() is None:
                raise ApiError(404, "notFound", f"Resource not found (resource={_topic_id(name)}).")
            ids = []
            for message in messages:
                for unknown in message.keys() - {"data"}:
                    raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate messages.{unknown}")
                if not message.get("data"):
                    raise ApiError(400, "badRequest", "Some messages have neither data nor attributes.")
                ids.append(str(self._state.next_number("message")))
                published = {**message, "messageId": ids[-1], "publishTime": rfc3339(self._clock.now())}
                self._events.publish(message_published(name, published))
            return ids

    def _publish(self, request: Request) -> Response:
        ids = self.publish(request.params["topic"], request.json().get("messages", []))
        return Response.of_json({"messageIds": ids})


def _topic_id(name: str) -> str:
    return name.rpartition("/")[2]
