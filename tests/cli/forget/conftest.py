import json

import pytest

from cli import waiting as forget_waiting
from tests.cli.forget.harness import ALONE, ITEM, LANDED, OTHERS_ITEM, REFUSED, Waiting, write_batch_of
from tests.cli.harness import ONE, TWO
from tests.cli.import_history.harness import wait_for
from tests.cli.test_runs import write_steps
from tests.load.harness import csv_of, play


@pytest.fixture(autouse=True)
def waiting(monkeypatch):
    waiting = Waiting()
    monkeypatch.setattr(forget_waiting, "monotonic", waiting.monotonic)
    monkeypatch.setattr(forget_waiting, "sleep", waiting.sleep)
    return waiting


@pytest.fixture
def stored(importing):
    """Both listeners everywhere: consents, a file of both, one of each, a refused file, items, gaps, top tens."""
    for slug in (ONE, TWO):
        importing.owner.has_listener(slug)
    storage, quarantine = importing.cloud.storage, importing.quarantine
    both = [play(1, ONE, track_name='One, "two"\nthree'), play(2, TWO, track_name="Vier"), play(3, ONE), play(4, TWO)]
    storage.write(importing.landing, LANDED, csv_of(*both))
    storage.write(importing.landing, ALONE, csv_of(play(5, ONE)))
    storage.write(quarantine, f"{REFUSED}.g1", csv_of(play(6, ONE, ms_played="x"), play(7, TWO)))
    storage.write(quarantine, f"{REFUSED}.g1.reason.json", json.dumps({"errors": [f"row {ONE}, x"]}).encode())
    for name in (ITEM, OTHERS_ITEM):
        storage.write(quarantine, name, b'{"item": {}}')
    wait_for(lambda: len(importing.plays()) == 5)
    for slug in (ONE, TWO):
        importing.add_gap("2026-11-01", "2026-11-02", listener=slug)
        importing.add_gap("2026-10-01", "2026-10-02", "closed_gaps", f", 'i{slug}'", listener=slug)
        importing.rows(
            "INSERT INTO listening.imports (import_id, listener_id, started_at, files, rows_in) VALUES "
            f"('i{slug}', '{slug}', TIMESTAMP '2026-11-02', '[]', 0)"
        )
        write_batch_of(importing, slug)
    reason = f"no new plays from 1 of 2 listeners; {ONE}: consent was revoked, run `python -m cli authorize {ONE}`"
    details = json.dumps({"listeners": {ONE: {"state": "failed"}, TWO: {"state": "nothing_new"}}})
    write_steps(importing.owner, ("20261122T090000Z", "ingest", "skipped", 5, 0, reason), details=details)
    return importing
