"""`forget` waits for whatever may bring plays of the listener back: runs, loads, batches.

How long it waits is measured by a clock of the tests' own, which stands still but while the command sleeps.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import listener_secrets as ingest_listeners
from cli import google_clients
from cli import waiting as forget_waiting
from cli.commands.forget import files as forget_files
from cli.place import Place, on_laptop
from tests.cli.forget.harness import REFUSED, after_each_pass, everything, write_batch_of
from tests.cli.harness import ONE, TWO
from tests.cli.import_history.harness import wait_for
from tests.cli.test_run_now import submit_batch
from tests.load.harness import csv_of, play


@pytest.mark.parametrize("lag", [timedelta(), timedelta(hours=2)], ids=["listed at once", "listed later"])
def test_a_token_that_ingest_has_rotated_meanwhile_is_destroyed_too(stored, waiting, monkeypatch, lag):
    """Ingest's own code, with the token read before: Terraform's secrets stay, so there is a place to store it."""
    stored.cloud.secrets.lag = lag
    client = google_clients.secret_manager(on_laptop(stored.owner.directory))
    secret = f"refresh-token-{ONE}"
    read = ingest_listeners.read_listener(
        client, ingest_listeners.ListenerSecret(ONE, f"projects/{stored.owner.project}/secrets/{secret}")
    )

    def rotate(number):
        if number == 1:
            ingest_listeners.store_refresh_token(client, read, "rotated")

    after_each_pass(monkeypatch, rotate)
    output = stored.types("forget", ONE, "--yes", laptop=False)

    assert stored.owner.versions(secret) == {1: "DESTROYED", 2: "DESTROYED"}
    assert (output.code, output.out.splitlines()[1]) == (0, "2  versions of the refresh token destroyed")
    # Another run may have read the rotated token until it was destroyed: 16 minutes, and 16 more.
    assert waiting.seconds == 1920


def test_what_a_run_lands_and_load_merges_in_its_last_minute_is_deleted_too(stored, waiting):
    """A run of ingest may take 15 minutes; it had the page before the consent was gone."""

    def land():
        stored.cloud.storage.write(stored.landing, REFUSED, csv_of(play(8, ONE), play(9, TWO)))
        wait_for(lambda: len(stored.plays()) == 4)

    waiting.at[890] = land
    output = stored.types("forget", ONE, "--yes", laptop=False)

    assert output.code == 0
    assert [text for text in everything(stored) if ONE in text] == []
    assert len(stored.plays()) == 3
    # 16 minutes for ingest; then the file is there, and a run of load that has read it may take ten more.
    assert waiting.seconds == 960 + 600
    assert "A run that began before shows only when it is over" in output.err


@pytest.mark.parametrize("is_running", [False, True])
def test_the_top_ten_of_a_batch_that_read_the_plays_before_is_deleted_too(stored, waiting, is_running):
    submit_batch(stored.owner, "top-tracks-before", "20261122t100000z")
    if is_running:
        stored.cloud.dataproc.start("top-tracks-before")

    def end():
        write_batch_of(stored, ONE)
        stored.cloud.dataproc.finish("top-tracks-before", "SUCCEEDED")

    waiting.at[1500] = end
    output = stored.types("forget", ONE, "--yes", laptop=False)

    assert (output.code, waiting.seconds) == (0, 1500)
    assert "2  rows of the list of tracks deleted\n" in output.out
    assert "2  rows of the top ten deleted\n" in output.out
    assert "… waiting for the Spark batch top-tracks-before to end" in output.err
    assert [text for text in everything(stored) if ONE in text] == []


def test_a_file_that_is_written_while_it_is_looked_at_is_looked_at_again(stored, monkeypatch):
    """Load is slow here: nothing but the file itself names the listener after the first pass."""
    stored.loads = lambda headers, body: 503
    storage, overtaken = stored.cloud.storage, []

    def land(number):
        if number == 1:
            storage.write(stored.landing, REFUSED, csv_of(play(8, ONE)))

    forget_in = forget_files._forget_in

    def forget_and_be_overtaken(listener, blob):
        if blob.name == REFUSED and not overtaken:
            overtaken.append(storage.write(stored.landing, REFUSED, csv_of(play(8, ONE), play(9, ONE))))
        return forget_in(listener, blob)

    passes = after_each_pass(monkeypatch, land)
    monkeypatch.setattr(forget_files, "_forget_in", forget_and_be_overtaken)
    assert stored.types("forget", ONE, "--yes").code == 0
    assert (len(overtaken), len(passes)) == (1, 4)
    assert REFUSED not in storage.names(stored.landing)


def test_on_the_laptop_where_a_run_takes_seconds_it_waits_for_seconds(stored, waiting):
    assert stored.types("forget", ONE, "--yes").code == 0
    assert waiting.seconds == 10


def test_without_waiting_the_command_says_when_to_run_it_again_and_is_done_then(stored, waiting, monkeypatch):
    submit_batch(stored.owner, "top-tracks-before", "20261122t100000z")
    first = stored.types("forget", ONE, "--yes", "--no-wait", laptop=False)
    assert (first.code, waiting.seconds) == (1, 0)
    assert "3  plays deleted\n" in first.out
    assert re.search(r"a run that began before may be under way until \d{4}-\d\d-\d\d \d\d:\d\d UTC, and", first.err)
    assert "the Spark batch top-tracks-before has not ended" in first.err
    assert f"After that, run `python -m cli forget {ONE}" in first.err
    stored.cloud.dataproc.finish("top-tracks-before", "SUCCEEDED")

    codes = {}
    for minutes in (15, 17):
        monkeypatch.setattr(Place, "now", lambda place, ago=timedelta(minutes=minutes): datetime.now(UTC) + ago)
        codes[minutes] = stored.types("forget", ONE, "--yes", "--no-wait", laptop=False).code
    assert codes == {15: 1, 17: 0}
    assert stored.types("forget", ONE, "--yes", laptop=False).code == 0
    assert waiting.seconds == 0, "Secret Manager shows when the consent was erased"


def test_a_run_is_waited_for_as_long_as_terraform_lets_it_take():
    for name, seconds in vars(forget_waiting.CLOUD).items():
        text = (Path(__file__).parents[3] / f"terraform/{name}.tf").read_text()
        assert seconds == int(re.search(r"timeout_seconds = (\d+)", text)[1]) + 60
