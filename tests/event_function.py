"""What the tests of the functions share: a function in the laptop cloud, and the events that reach it."""

import contextlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import functions_framework
import pytest
from google.cloud import bigquery

from localcloud.gcp.laptop_cloud import LaptopCloud

ROOT = Path(__file__).parents[1]
DENIED = '{"error": {"code": 403, "message": "Access Denied: User ada@example.invalid", "status": "PERMISSION_DENIED"}}'


class EventFunction:
    """Events reach the function through its own server's test client; a fresh client is a fresh instance."""

    name: str

    def __init__(self, cloud):
        self.cloud, self.events, self.withholding = cloud, [], False
        self.dataset = cloud.environment["DATASET"]
        self.warehouse = bigquery.Client(project=cloud.environment["GOOGLE_CLOUD_PROJECT"], location="us-central1")
        self.restart()

    def restart(self):
        """What Cloud Run does with a function that was killed, or deployed with other settings."""
        source = ROOT / "functions" / self.name / "main.py"
        self.client = functions_framework.create_app(self.name, str(source)).test_client()

    def deliver(self):
        """Try every undelivered event once: the statuses of the function's answers."""
        before = len(self.events)
        self.cloud.deliver_pending()
        return [status for _, _, status in self.events[before:]]

    def withhold(self):
        """Only note the events; `post_event` delivers them when the test wants it."""
        self.withholding = True
        self.cloud.deliver_pending()

    def remember_and_post(self, headers, body):
        status = 503 if self.withholding else self.client.post("/", data=body, headers=headers).status_code
        self.events.append((headers, body, status))
        return status

    def post_event(self, event=None):
        """Deliver an event that was seen before; the newest unless another is given."""
        headers, body, _ = event or self.events[-1]
        return self.client.post("/", data=body, headers=headers).status_code

    def rows(self, table, order):
        rows = self.warehouse.query_and_wait(f"SELECT * FROM {self.dataset}.{table} ORDER BY {order}")
        return [dict(row) for row in rows]

    def ledger(self):
        """The rows of the ledger without the two instants that a test cannot know."""
        rows = self.rows("runs", "run_id, step, state")
        for row in rows:
            assert timedelta(0) <= row.pop("finished_at") - row.pop("started_at") < timedelta(minutes=1)
        return rows


def ledger_row(run_id, slot, step, state, reason, **values):
    rest = dict.fromkeys(("listeners", "rows_in", "rows_new", "error_class", "blocked_until", "details"))
    return rest | {"run_id": run_id, "slot": slot, "step": step, "state": state, "reason": reason} | values


@contextlib.contextmanager
def in_cloud(function, directory):
    """The function in a laptop cloud, whose settings this process has meanwhile."""
    with LaptopCloud(directory, forgetful=True) as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment.items():
            patch.setenv(name, value)
        yield function(cloud)


def answers(cloud, number=None, path=()):
    """The JSON answers to the calls that follow, one after the other; `path`: taken out of that one of them."""
    seen, answer = [], type(cloud.server.routes).answer

    def spoilt(request):
        response = answer(cloud.server.routes, request)
        value = json.loads(response.body or "null")
        if len(seen) == number:
            inner = value
            for key in path[:-1]:
                inner = inner[key]
            del inner[path[-1]]
            response = replace(response, body=json.dumps(value).encode())
        seen.append(value)
        return response

    cloud.server.routes.answer = spoilt
    return seen


def fields(value, path=()):
    """The path of each field of a JSON object, at any depth but that of lists and tables' schemas."""
    for key, field in value.items() if isinstance(value, dict) else ():
        if key != "schema":
            yield (*path, key)
            yield from fields(field, (*path, key))


def entries(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def broken(error):
    def step(*arguments, **options):
        raise error

    return step
