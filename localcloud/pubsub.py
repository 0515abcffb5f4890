"""Pub/Sub: topics that must exist, and messages that go to Eventarc's subscriptions (`events.py`). REST only."""

import base64
import binascii
import json
import sqlite3
from typing import Any

from localcloud.clock import Clock
from localcloud.cloud_events import message_published
from localcloud.events import Events
from localcloud.state import State
from localcloud.timestamps import rfc3339
from localcloud.web import ApiError, Request, Response, Routes

_TOPIC = "/v1/projects/(?P<project>[^/]+)/topics/(?P<topic>[^/:]+)"
_MESSAGE_FIELDS = {"data", "attributes"}


class PubSub:
    """`routes` is what a server serves."""

    def __init__(self, state: State, clock: Clock, events: Events) -> None:
        self._state, self._clock, self._events = state, clock, events
        state.create("CREATE TABLE IF NOT EXISTS topics (name TEXT PRIMARY KEY, resource TEXT NOT NULL)")
        self.routes = Routes()
        self.routes.add("PUT", _TOPIC, self._create)
        self.routes.add("GET", _TOPIC, self._get)
        self.routes.add("POST", f"{_TOPIC}:publish", self._publish)

    def _create(self, request: Request) -> Response:
        name = _name(request)
        resource = {**request.json(), "name": name}
        try:
            with self._state.transaction() as db:
                db.execute("INSERT INTO topics VALUES (?, ?)", (name, json.dumps(resource)))
        except sqlite3.IntegrityError:
            message = f"Resource already exists in the project (resource={request.params['topic']})."
            raise ApiError(409, "alreadyExists", message) from None
        return Response.of_json(resource)

    def _get(self, request: Request) -> Response:
        with self._state.transaction() as db:
            row = db.execute("SELECT resource FROM topics WHERE name = ?", (_name(request),)).fetchone()
        if row is None:
            raise ApiError(404, "notFound", f"Resource not found (resource={request.params['topic']}).")
        return Response.of_json(json.loads(row["resource"]))

    def _publish(self, request: Request) -> Response:
        self._get(request)
        messages = request.json().get("messages", [])
        if not messages:
            raise ApiError(400, "badRequest", "The value for message_count is too small. You passed 0.")
        for message in messages:
            _check(message)
        with self._state.transaction():
            ids = [self._queue(request, message) for message in messages]
        return Response.of_json({"messageIds": ids})

    def _queue(self, request: Request, message: dict[str, Any]) -> str:
        message_id = str(self._state.next_number("message"))
        published = {**message, "messageId": message_id, "publishTime": rfc3339(self._clock.now())}
        self._events.publish(message_published(request.params["project"], request.params["topic"], published))
        return message_id


def _name(request: Request) -> str:
    return f"projects/{request.params['project']}/topics/{request.params['topic']}"


def _check(message: dict[str, Any]) -> None:
    for unknown in message.keys() - _MESSAGE_FIELDS:
        raise ApiError(501, "notImplemented", f"The laptop cloud does not imitate messages.{unknown}")
    if not message.get("data") and not message.get("attributes"):
        raise ApiError(400, "badRequest", "Some messages have neither data nor attributes.")
    try:
        base64.b64decode(message.get("data", ""), validate=True)
    except binascii.Error:
        raise ApiError(400, "badRequest", "Message data is not base64") from None
