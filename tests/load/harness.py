"""The function load inside the laptop cloud, and the files it is given."""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import partial

from localcloud.gcp.eventarc.cloud_events import FINALIZED, MESSAGE_PUBLISHED
from tests import event_function
from tests.seed import schema_of, seed

COLUMNS = schema_of("plays").names
RUN = "20261122T100000Z"
SLOT = datetime(2026, 11, 22, 10, tzinfo=UTC)
NAME = "plays/2026/11/22/20261122T100000Z.csv"


def play(minute, listener="ada", track="6rqhFgbbKwnb9MLmUQDhG6", **values):
    """A row of `plays` that ended so many minutes after nine."""
    return {
        **dict.fromkeys(COLUMNS),
        "listener_id": listener,
        "played_at": datetime(2026, 11, 22, 9, 0, 1, 863_000, UTC) + timedelta(minutes=minute),
        "track_id": track,
        "source": "api",
        "run_id": RUN,
        "ingested_at": datetime(2026, 11, 22, 10, 0, 2, tzinfo=UTC),
        **values,
    }


def csv_of(*plays, header=COLUMNS):
    """The file as ingest lands it, written by other means."""
    lines = [",".join(header), *(",".join(cell(row[name]) for name in header) for row in plays)]
    return "".join(f"{line}\n" for line in lines).encode()


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return str(value)


def ledger_row(
    state, reason, rows_in=None, rows_new=None, listeners=None, error_class=None, completed=0, run_id=RUN, slot=SLOT
):
    """`rows_new` are those inserted and those completed."""
    known = {"new": rows_new - completed, "completed": completed, "known": rows_in - rows_new} if rows_in else None
    values = {"listeners": listeners, "rows_in": rows_in, "rows_new": rows_new, "error_class": error_class}
    return event_function.ledger_row(run_id, slot, "load", state, reason, details=known, **values)


class Loading(event_function.EventFunction):
    name = "load"

    def __init__(self, cloud):
        super().__init__(cloud)
        self.landing, self.quarantine = cloud.environment["LANDING_BUCKET"], cloud.environment["QUARANTINE_BUCKET"]
        self.messages = []
        cloud.subscribe(FINALIZED, self.remember_and_post, self.landing)
        cloud.subscribe(MESSAGE_PUBLISHED, self._receive)

    def receive(self):
        """The messages that have been published since the last time."""
        self.cloud.deliver_pending()
        received, self.messages = self.messages, []
        return received

    def post(self, data):
        """An event that no service sends."""
        source = f"//storage.googleapis.com/projects/_/buckets/{self.landing}"
        headers = {"ce-id": "9", "ce-specversion": "1.0", "ce-type": FINALIZED, "ce-source": source}
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        return self.client.post("/", data=body, headers=headers | {"content-type": "application/json"})

    def land(self, content, name=NAME):
        self.cloud.storage.write(self.landing, name, content)

    def begin_imports(self, *import_ids):
        """As `cli import` does before it lands a file."""
        for import_id in import_ids:
            row = {"import_id": import_id, "listener_id": "ada", "started_at": SLOT, "files": "[]", "rows_in": 1}
            seed(self.cloud, "imports", [row])

    def plays(self):
        return self.rows("plays", "played_at, listener_id, track_id")

    def ledger(self):
        """Without the generations, which a test cannot know either: each is that of an event."""
        rows = super().ledger()
        rows.sort(key=lambda row: (row["run_id"], row["state"], int(row["details"]["generation"])))
        known = {json.loads(body)["generation"] for _, body, _ in self.events}
        for row in rows:
            assert row["details"].pop("generation") in known
            row["details"] = row["details"] or None
        return rows

    def quarantined(self):
        return self.cloud.storage.names(self.quarantine)

    def _receive(self, headers, body):
        self.messages.append(json.loads(base64.b64decode(json.loads(body)["message"]["data"])))
        return 200


loading_cloud = partial(event_function.in_cloud, Loading)
