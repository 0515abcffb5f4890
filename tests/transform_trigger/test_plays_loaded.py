"""From a Pub/Sub event to the message in it."""

import base64
import json
from datetime import UTC, datetime

import pytest

from plays_loaded import PlaysLoaded, parse_event
from trigger_errors import MessageUnreadable

MESSAGE = {
    "run_id": "20261122T100000Z",
    "slot": "2026-11-22T10:00:00+00:00",
    "rows_new": 12,
    "committed_at": "2026-11-22T10:00:07.250000+00:00",
}


def event(message):
    data = base64.b64encode(message if isinstance(message, bytes) else json.dumps(message).encode()).decode()
    # Google's pushes carry each field in both spellings.
    published = {"messageId": "9", "message_id": "9", "publishTime": "2026-11-22T10:00:08Z", "attributes": {}}
    return {"message": {"data": data, **published}, "subscription": "projects/p/subscriptions/x"}


def test_the_message_that_load_publishes_is_read():
    assert parse_event(event(MESSAGE)) == PlaysLoaded(
        run_id="20261122T100000Z",
        slot=datetime(2026, 11, 22, 10, tzinfo=UTC),
        rows_new=12,
        committed_at=datetime(2026, 11, 22, 10, 0, 7, 250_000, UTC),
    )


def test_instants_may_come_in_any_time_zone():
    elsewhere = {"slot": "2026-11-22T11:00:00+01:00", "committed_at": "2026-11-22T10:00:07.25Z"}

    assert parse_event(event({**MESSAGE, **elsewhere})) == parse_event(event(MESSAGE))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"message": {}}, "no message"),
        ({"message": {"data": None}}, "no message"),
        ({"message": {"data": "!"}}, "not JSON in base64"),
        ({"message": {"data": "é"}}, "not JSON in base64"),
        (event(b""), "not JSON in base64"),
        (event(b"not JSON"), "not JSON in base64"),
        (event(b"\xff"), "not JSON in base64"),
        (event([]), "not a JSON object"),
        (event({}), "slot is not an instant"),
        (event({**MESSAGE, "slot": 10}), "slot is not an instant"),
        (event({**MESSAGE, "slot": "2026-11-22T10:00:00"}), "slot has no time zone"),
        (event({**MESSAGE, "committed_at": None}), "committed_at is not an instant"),
        (event({**MESSAGE, "run_id": "20261122T110000Z"}), "run_id is not that of its slot"),
        (event({**MESSAGE, "run_id": None}), "run_id is not that of its slot"),
        (event({**MESSAGE, "rows_new": "12"}), "rows_new is not a number"),
    ],
)
def test_a_message_that_load_cannot_have_published_says_what_is_wrong(data, message):
    with pytest.raises(MessageUnreadable, match=message):
        parse_event(data)
