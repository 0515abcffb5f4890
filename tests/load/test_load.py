"""The function load from the event to the warehouse, on the laptop cloud and with Google's clients."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from localcloud.faults import Fault
from tests.event_function import DENIED, entries
from tests.load.harness import COLUMNS, NAME, RUN, SLOT, csv_of, ledger_row, play

ALL_KINDS_OF_VALUES = play(
    5,
    track_name='Comma, "quote"\nand a new line',
    artist_id="",
    artist_name="Björk",
    duration_ms=240_000,
    explicit=False,
    popularity=0,
    danceability=0.5,
    loudness=-12.25,
    key=-1,
    features_source="spotify",
    reason_end="trackdone",
    skipped=False,
    incognito_mode=True,
)


def test_a_landed_file_becomes_plays_a_message_and_a_row_in_the_ledger(loading, capsys):
    loading.land(csv_of(ALL_KINDS_OF_VALUES, play(9, "bob")))

    assert loading.deliver() == [200]

    assert loading.plays() == [ALL_KINDS_OF_VALUES, play(9, "bob")]
    assert loading.ledger() == [ledger_row("succeeded", "Of 2 plays in the file 2 were new.", 2, 2, 2)]
    (message,) = loading.receive()
    committed_at = message.pop("committed_at")
    assert message == {"run_id": RUN, "slot": "2026-11-22T10:00:00+00:00", "rows_new": 2}
    assert committed_at.endswith("+00:00")
    (entry,) = entries(capsys)
    assert (entry["severity"], entry["message"], entry["run_id"], entry["rows_new"]) == (
        *("INFO", "A file was loaded"),
        *(RUN, 2),
    )


def test_a_file_is_staged_where_tables_expire_and_nothing_is_made_beside_the_plays(loading):
    before = {table.table_id for table in loading.warehouse.list_tables("listening")}
    loading.land(csv_of(play(1)))
    loading.deliver()

    [staged] = loading.warehouse.list_tables("listening_staging")

    assert staged.table_id.startswith("plays_staging_20261122T100000Z_")
    assert timedelta(days=2, hours=23) < staged.expires - datetime.now(UTC) <= timedelta(days=3)
    assert {table.table_id for table in loading.warehouse.list_tables("listening")} == before


def test_columns_are_found_by_their_names(loading):
    loading.land(csv_of(ALL_KINDS_OF_VALUES, header=COLUMNS[::-1]))

    assert loading.deliver() == [200]

    assert loading.plays() == [ALL_KINDS_OF_VALUES]


def test_a_column_that_an_older_file_lacks_is_null(loading):
    loading.land(csv_of(play(1), header=[name for name in COLUMNS if name not in ("reason_end", "skipped")]))

    assert loading.deliver() == [200]

    assert loading.plays() == [play(1)]


def test_an_event_that_comes_again_much_later_changes_nothing(loading):
    loading.land(csv_of(play(1), play(2)))
    loading.deliver()
    plays, ledger, messages = loading.plays(), loading.ledger(), loading.receive()

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=23), tick=True):
        assert loading.post_event() == 200

    assert (loading.plays(), loading.ledger()) == (plays, ledger)
    # Told once more, because the first telling may have been lost; the two messages are the same.
    assert loading.receive() == messages


def test_an_event_that_comes_twice_at_once_is_one(loading):
    loading.land(csv_of(play(1), play(2)))
    loading.withhold()

    with ThreadPoolExecutor() as pool:
        statuses = [answer.result() for answer in [pool.submit(loading.post_event) for _ in range(4)]]

    assert statuses == [200] * 4
    assert loading.plays() == [play(1), play(2)]
    assert loading.ledger() == [ledger_row("succeeded", "Of 2 plays in the file 2 were new.", 2, 2, 1)]


def test_a_play_that_is_stored_already_is_not_counted_again(loading):
    loading.land(csv_of(play(1), play(2)))
    loading.deliver()
    later = {"run_id": "20261122T110000Z", "ingested_at": SLOT + timedelta(hours=1)}
    loading.land(csv_of(play(2, **later), play(3, **later)), "plays/2026/11/22/20261122T110000Z.csv")

    assert loading.deliver() == [200]

    assert loading.plays() == [play(1), play(2), play(3, **later)]
    assert loading.ledger()[1] == ledger_row(
        "succeeded",
        "Of 2 plays in the file 1 was new.",
        *(2, 1, 1),
        run_id="20261122T110000Z",
        slot=SLOT + timedelta(hours=1),
    )


def test_a_file_without_any_new_play_starts_nothing_downstream(loading):
    loading.land(csv_of(play(1)))
    loading.deliver()
    assert [message["run_id"] for message in loading.receive()] == [RUN]
    loading.land(csv_of(play(1)), "plays/2026/11/22/20261122T110000Z.csv")

    assert loading.deliver() == [200]

    assert loading.receive() == []
    assert loading.ledger()[1]["reason"] == "Of 1 play in the file none were new."


def test_a_play_that_is_twice_in_one_file_is_stored_once_and_the_fuller_row_wins(loading):
    loading.land(csv_of(play(1), play(1, track_name="Yes"), play(1, track_name="No", energy=0.5), play(2)))

    assert loading.deliver() == [200]

    assert loading.plays() == [play(1, track_name="Yes"), play(2)]
    assert loading.ledger() == [ledger_row("succeeded", "Of 4 plays in the file 2 were new.", 4, 2, 1)]


def test_a_file_with_a_header_only_succeeds_with_nothing(loading):
    loading.land(csv_of())

    assert loading.deliver() == [200]
    assert loading.post_event() == 200

    assert loading.plays() == []
    assert loading.receive() == []
    assert loading.ledger() == [ledger_row("succeeded", "The file holds no plays.", 0, 0, 0)]
    assert loading.quarantined() == []


@pytest.mark.parametrize(("bucket", "name"), [(None, "`; DROP TABLE plays; --"), ("elsewhere", NAME)])
def test_an_object_that_is_no_runs_file_is_logged_once_and_nothing_is_touched(loading, capsys, bucket, name):
    loading.cloud.faults.clear()
    data = {"bucket": bucket or loading.landing, "name": name, "generation": "1"}

    assert loading.post(data).status_code == 200

    assert list(loading.cloud.faults.calls) == []
    fields = {"severity": "WARNING", "message": "An object that is not a run's file is ignored"}
    assert entries(capsys) == [{**fields, "bucket": data["bucket"], "object": name, "generation": "1"}]


def test_an_event_that_cannot_be_read_is_logged_and_does_not_come_again(loading, capsys):
    bodies = [b"not JSON", b"", b"[]", {}, {"bucket": "b", "name": NAME}, b"[" * 100_000]
    loading.cloud.faults.clear()

    assert [loading.post(body).status_code for body in bodies] == [200] * 6

    assert list(loading.cloud.faults.calls) == []
    logged = entries(capsys)
    fields = {"severity": "ERROR", "message": "An event cannot be read and is dropped", "event_id": "9"}
    assert logged == [{**fields, "reason": entry["reason"]} for entry in logged]
    assert [entry["reason"] for entry in logged] == [
        *("The event's data is bytes, not a JSON object", "The event's data is NoneType, not a JSON object"),
        *("The event's data is list, not a JSON object", "The event names no bucket or no object"),
        *("The event's generation is None, not a number", "The request is not a CloudEvent with JSON"),
    ]


NO_ID = b'{"specversion": "1.0", "type": "t", "source": "s", "id": null}'
LONG_NUMBER = b"9" * 5_000


@pytest.mark.parametrize("body", [b"{}", b'{"specversion": []}', NO_ID, LONG_NUMBER])
def test_a_request_that_is_no_event_is_logged_and_is_not_retried(loading, capsys, body):
    assert loading.client.post("/", data=body).status_code == 200
    (entry,) = entries(capsys)
    assert (entry["severity"], entry["reason"]) == ("ERROR", "The request is not a CloudEvent with JSON")


def test_an_event_that_comes_again_says_why_and_names_no_account(loading, caplog, capsys):
    loading.land(csv_of(play(1)))
    loading.cloud.faults.order(Fault("bigquery GET .*/tables/plays", status=403, body=DENIED))

    assert loading.deliver() == [500]
    (entry,) = entries(capsys)
    fields = (entry["severity"], entry["message"], entry["error_class"])
    assert fields == ("WARNING", "An event was not loaded and is redelivered", "Forbidden")
    assert "Access Denied: User …" in entry["reason"]
    assert "staging.py" in entry["traceback"]
    assert "ada@" not in caplog.text + str(entry)


def test_a_missing_setting_is_named_when_the_first_event_comes(loading, monkeypatch, capsys):
    monkeypatch.delenv("QUARANTINE_BUCKET")
    loading.land(csv_of(play(1)))

    response = loading.post({"bucket": loading.landing, "name": NAME, "generation": "1"})

    assert response.status_code == 500
    (entry,) = entries(capsys)
    reason = "The setting QUARANTINE_BUCKET is missing"
    assert (entry["error_class"], entry["reason"]) == ("SettingsError", reason)


# With a grant on each table, BigQuery does not say whether one is missing.
@pytest.mark.parametrize("is_denied", [False, True])
def test_a_table_that_is_missing_is_named_and_the_event_comes_again(loading, is_denied, capsys):
    table = loading.warehouse.get_table("listening.plays")
    loading.warehouse.delete_table("listening.plays")
    if is_denied:
        body = DENIED.replace("User ada@example.invalid", "Table p:d.plays (or it may not exist)")
        loading.cloud.faults.order(Fault("bigquery GET .*/tables/plays", status=403, body=body))
    loading.land(csv_of(play(1)))

    assert loading.deliver() == [500]
    (entry,) = entries(capsys)
    reason = "The table heavy-rotation-laptop.listening.plays, or load's grant on it, is missing"
    assert (entry["error_class"], entry["reason"]) == ("TableUnfit", reason)

    loading.warehouse.create_table(table)
    assert loading.deliver() == [200]
    assert loading.plays() == [play(1)]
