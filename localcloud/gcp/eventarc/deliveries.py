"""Undelivered events per subscription, in the state file: a restart of the laptop cloud continues them.

A delivery is pending, held (ordered to be late) or given up; one that succeeded is forgotten.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcloud.gcp.eventarc.cloud_events import Event
from localcloud.gcp.state import State

# `disordered` is what `Delivery` calls keeps_order: a directory of an earlier version has the column by that name.
_TABLES = (
    """CREATE TABLE IF NOT EXISTS subscriptions (
        name TEXT PRIMARY KEY, event_type TEXT NOT NULL, target TEXT)""",
    """CREATE TABLE IF NOT EXISTS deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        subscription TEXT NOT NULL, event_id TEXT NOT NULL, event_type TEXT NOT NULL, key TEXT NOT NULL,
        happened_at REAL NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending', due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
        status INTEGER, overtaken_by INTEGER, disordered INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (subscription, state, due)",
)


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one subscription. `keeps_order`: no fault of order applies to it any more."""

    id: int
    subscription: str
    event_id: str
    event_type: str
    key: str
    happened_at: datetime
    headers: dict[str, str]
    body: bytes
    attempts: int
    keeps_order: bool


_PLAIN = ("id", "subscription", "event_id", "event_type", "key", "body", "attempts")


class EventQueue:
    """`due` and `now` are real seconds since 1970: waits are real even when time is simulated."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.create(*_TABLES)

    def subscribe(self, name: str, event_type: str, target: str | None) -> None:
        """From now on, events of this type (and target, if given) are kept for this subscription."""
        with self._state.transaction() as db:
            db.execute("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?)", (name, event_type, target))

    def add(self, event: Event, happened_at: datetime, now: float) -> None:
        """Queue the event for every subscription that matches it."""
        insert = """INSERT INTO deliveries (subscription, event_id, event_type, key, happened_at, headers, body, due)
                    SELECT name, ?, ?, ?, ?, ?, ?, ? FROM subscriptions
                    WHERE event_type = ? AND (target IS NULL OR target = ?)"""
        content = (event.key, happened_at.timestamp(), json.dumps(event.headers), event.body, now)
        with self._state.transaction() as db:
            db.execute(insert, (event.id, event.type, *content, event.type, event.target))

    def due(self, subscription: str, now: float) -> Delivery | None:
        """The delivery that is due first."""
        where = "state = 'pending' AND subscription = ? AND due <= ? ORDER BY due, id LIMIT 1"
        return next(iter(self._select(where, subscription, now)), None)

    def next_due(self, subscription: str) -> float | None:
        """When there will be something to deliver; None when nothing is waiting."""
        select = "SELECT min(due) AS due FROM deliveries WHERE state = 'pending' AND subscription = ?"
        due: float | None = self._state.rows(select, subscription)[0]["due"]
        return due

    def pending(self) -> list[Delivery]:
        """Everything that could be delivered, whether its time has come or not, oldest first."""
        return self._select("state = 'pending' ORDER BY id")

    def delivered(self, delivery: Delivery) -> None:
        with self._state.transaction() as db:
            db.execute("DELETE FROM deliveries WHERE id = ?", (delivery.id,))

    def failed(self, delivery: Delivery, status: int, due: float) -> None:
        self._update(delivery, "attempts = attempts + 1, status = ?, due = ?", status, due)

    def give_up(self, delivery: Delivery, status: int) -> None:
        self._update(delivery, "attempts = attempts + 1, status = ?, state = 'given_up'", status)

    def keep_order(self, delivery: Delivery) -> None:
        """No fault of order applies to it, now or later."""
        self._update(delivery, "disordered = 1")

    def double(self, delivery: Delivery) -> None:
        """Deliver this event once more, after this time."""
        columns = "subscription, event_id, event_type, key, happened_at, headers, body, due"
        copy = f"INSERT INTO deliveries ({columns}, disordered) SELECT {columns}, 1 FROM deliveries WHERE id = ?"  # noqa: S608
        with self._state.transaction() as db:
            self.keep_order(delivery)
            db.execute(copy, (delivery.id,))

    def hold(self, delivery: Delivery, overtaken_by: int | None) -> None:
        """Keep it back until so many other deliveries were made, or until `release`."""
        self._update(delivery, "disordered = 1, state = 'held', overtaken_by = ?", overtaken_by)

    def overtake(self, delivery: Delivery) -> None:
        """One delivery was made: count it for those that are held for the same subscription."""
        with self._state.transaction() as db:
            mine = (delivery.subscription,)
            held = "state = 'held' AND subscription = ?"
            db.execute(f"UPDATE deliveries SET overtaken_by = overtaken_by - 1 WHERE {held}", mine)  # noqa: S608
            db.execute(f"UPDATE deliveries SET state = 'pending' WHERE {held} AND overtaken_by <= 0", mine)  # noqa: S608

    def release(self) -> None:
        """Nothing is held any longer."""
        with self._state.transaction() as db:
            db.execute("UPDATE deliveries SET state = 'pending' WHERE state = 'held'")

    def counts(self) -> dict[str, dict[str, int]]:
        """Per subscription: how many deliveries are pending, held and given up."""
        select = """SELECT name, total(state = 'pending') AS pending, total(state = 'held') AS held,
                    total(state = 'given_up') AS given_up
                    FROM subscriptions LEFT JOIN deliveries ON subscription = name GROUP BY name ORDER BY name"""
        rows = self._state.rows(select)
        return {row["name"]: {key: int(row[key]) for key in ("pending", "held", "given_up")} for row in rows}

    def given_up(self) -> list[dict[str, Any]]:
        select = "SELECT subscription, event_id, event_type, key, attempts, status FROM deliveries"
        return [dict(row) for row in self._state.rows(f"{select} WHERE state = 'given_up' ORDER BY id")]

    def _select(self, where: str, *values: Any) -> list[Delivery]:
        return [
            Delivery(
                **{name: row[name] for name in _PLAIN},
                happened_at=datetime.fromtimestamp(row["happened_at"], UTC),
                headers=json.loads(row["headers"]),
                keeps_order=bool(row["disordered"]),
            )
            for row in self._state.rows(f"SELECT * FROM deliveries WHERE {where}", *values)  # noqa: S608
        ]

    def _update(self, delivery: Delivery, assignments: str, *values: Any) -> None:
        with self._state.transaction() as db:
            db.execute(f"UPDATE deliveries SET {assignments} WHERE id = ?", (*values, delivery.id))  # noqa: S608
