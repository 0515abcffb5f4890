"""Parses a Pub/Sub event into the message `plays-loaded`. Pure."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trigger_errors import MessageUnreadable

_RUN_ID = "%Y%m%dT%H%M%SZ"
_PLAUSIBLE_YEARS = range(2006, 2100)


@dataclass(frozen=True)
class PlaysLoaded:
    """New plays are in the warehouse since `committed_at`; both instants are in UTC."""

    run_id: str
    slot: datetime
    rows_new: int
    committed_at: datetime


def parse_event(data: Any) -> PlaysLoaded:
    """Raises MessageUnreadable, which says what is wrong with the event."""
    try:
        return parse_message(json.loads(base64.b64decode(data["message"]["data"], validate=True)))
    except (TypeError, KeyError, IndexError):
        raise MessageUnreadable("The event holds no message with data") from None
    except (ValueError, RecursionError):
        raise MessageUnreadable("The message's data is not JSON in base64") from None


def message_id(data: Any) -> str | None:
    """Pub/Sub's id of the message in an event, for a log entry."""
    message = data.get("message") if isinstance(data, Mapping) else None
    found = message.get("messageId") if isinstance(message, Mapping) else None
    return found if isinstance(found, str) else None


def parse_message(message: Any) -> PlaysLoaded:
    """The message as load publishes it; the run id is the slot in another form, or the message is not load's."""
    if not isinstance(message, Mapping):
        raise MessageUnreadable(f"The message is {type(message).__name__}, not a JSON object")
    slot, rows_new = _instant(message, "slot"), message.get("rows_new")
    if message.get("run_id") != run_id_of(slot):
        raise MessageUnreadable("The message's run_id is not that of its slot")
    if not isinstance(rows_new, int) or isinstance(rows_new, bool) or not 0 <= rows_new < 2**63:
        raise MessageUnreadable("The message's rows_new is not a number of rows")
    return PlaysLoaded(message["run_id"], slot, rows_new, _instant(message, "committed_at"))


def run_id_of(slot: datetime) -> str:
    return f"{slot:{_RUN_ID}}"


def slot_of(run_id: str) -> datetime:
    """The inverse of `run_id_of`. Raises ValueError for what is not a run id."""
    return datetime.strptime(run_id, _RUN_ID).replace(tzinfo=UTC)


def _instant(message: Mapping[str, Any], name: str) -> datetime:
    try:
        instant = datetime.fromisoformat(message[name])
    except (KeyError, TypeError, ValueError):
        raise MessageUnreadable(f"The message's {name} is not an instant") from None
    if instant.tzinfo is None:
        raise MessageUnreadable(f"The message's {name} has no time zone")
    if instant.year not in _PLAUSIBLE_YEARS:
        raise MessageUnreadable(f"The message's {name} is outside 2006–2099")
    return instant.astimezone(UTC)
