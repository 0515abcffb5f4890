"""Files with a bad row among good ones, files that only look bad, and files that no part writes.

One bad row costs no other: what the bytes are is kept in the quarantine bucket, what the good rows say is a play.
"""

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.faults import Fault
from tests.event_function import broken, entries
from tests.load.harness import NAME, SLOT, csv_of, ledger_row, loading_cloud, play

THREE = csv_of(play(1), play(2, track_name="Second"), play(3))

# The file, and the minutes of the plays that are still read.
PARTLY_BAD = {
    "a malformed instant": (THREE.replace(b"2026-11-22T09:02:01.863Z", b"yesterday"), [1, 3]),
    "an instant of no partition": (THREE.replace(b"2026-11-22T09:02:01.863Z", b"99999-11-22T09:02:01Z"), [1, 3]),
    "no listener": (csv_of(play(1), play(2, listener_id=None), play(3)), [1, 3]),
    "a malformed number": (csv_of(play(1), play(2, duration_ms="long"), play(3)), [1, 3]),
    "a number too large": (csv_of(play(1), play(2, duration_ms=2**63), play(3)), [1, 3]),
    "a field too many": (THREE.replace(b'"Second"', b'"Second","Third"'), [1, 3]),
    "a field too few": (THREE.replace(b'"Second",', b""), [1, 3]),
    "a line that is not a row": (THREE.replace(b'\n"ada",', b'\ndisk full\n"ada",', 1), [1, 2, 3]),
    "a quote that ends too early": (THREE.replace(b'"Second"', b'"Second" half"'), [1, 3]),
    "a quote left open": (THREE[: THREE.rindex(b'"api"') + 2], [1, 2]),
    "cut in the middle of a row": (THREE[: THREE.index(b"Second")], [1]),
}  # fmt: skip


def stored_minutes(loading):
    plays = loading.plays()
    minutes = [row["played_at"].minute for row in plays]
    assert plays == [play(minute, track_name="Second" if minute == 2 else None) for minute in minutes]
    return minutes


@pytest.mark.parametrize("fault", PARTLY_BAD)
def test_good_rows_survive_a_bad_one_and_the_file_is_kept_with_bigquerys_own_words(loading, capsys, fault):
    content, good = PARTLY_BAD[fault]
    loading.land(content)

    assert (loading.deliver(), loading.deliver()) == ([200], [])

    assert stored_minutes(loading) == good
    generation = loading.cloud.storage.get(loading.landing, NAME)["generation"]
    kept, reason = f"{NAME}.g{generation}", f"{NAME}.g{generation}.reason.json"
    assert loading.quarantined() == [kept, reason]
    assert loading.cloud.storage.read(loading.quarantine, kept) == content
    reason_file = json.loads(loading.cloud.storage.read(loading.quarantine, reason))
    assert "Error while reading data, error message: " in reason_file["message"]
    count = len(good)
    sentence = f"Of {count} play{'s' * (count > 1)} in the file {count} {'were' if count > 1 else 'was'} new. "
    sentence += f"1 other row was refused, see {reason} in the quarantine bucket."
    assert loading.ledger() == [ledger_row("succeeded", sentence, count, count, 1, error_class="RowsRefused")]
    (entry,) = entries(capsys)
    assert (entry["severity"], entry["message"], entry["reason"]) == (
        "ERROR",
        "A file was loaded without its bad rows",
        sentence,
    )
    assert [message["rows_new"] for message in loading.receive()] == [count]


TWO_DAYS_AHEAD = datetime.now(UTC) + timedelta(days=2)
NO_TIMES = (
    "0001-01-01T00:00:00Z",
    "1899-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2005-12-31T23:59:59.999Z",
    f"{TWO_DAYS_AHEAD:%Y-%m-%dT%H:%M:%SZ}",
    "9999-12-31T23:59:59.999Z",
)


@pytest.mark.parametrize("column", ["played_at", "ingested_at"])
def test_rows_of_a_time_that_cannot_be_are_refused_with_the_reason_and_their_neighbours_are_stored(loading, column):
    (_, bad) = csv_of(play(2, **{column: "WHEN"})).splitlines(keepends=True)
    content = csv_of(play(1), play(3)) + b"".join(bad.replace(b'"WHEN"', time.encode()) for time in NO_TIMES)
    loading.land(content)

    assert (loading.deliver(), loading.deliver()) == ([200], [])

    assert stored_minutes(loading) == [1, 3]
    (kept, reason) = loading.quarantined()
    assert loading.cloud.storage.read(loading.quarantine, kept) == content
    reason_file = json.loads(loading.cloud.storage.read(loading.quarantine, reason))
    assert reason_file["message"].startswith(f"{column} is out of bounds in 6 rows; its unit: UTC instant")
    sentence = f"Of 2 plays in the file 2 were new. 6 other rows were refused, see {reason} in the quarantine bucket."
    assert loading.ledger() == [ledger_row("succeeded", sentence, 2, 2, 1, error_class="RowsRefused")]


def test_rows_whose_listener_is_no_slug_are_refused_with_the_reason_and_their_neighbours_are_stored(loading):
    names = ("", "x" * 64, "\x1b[31mada", "Ada", "-ada", "ada\n", "ada lovelace", "<b>")
    content = csv_of(play(1, "a"), *(play(2, name) for name in names), play(3, "0_-" + "x" * 60))
    loading.land(content)

    assert (loading.deliver(), loading.deliver()) == ([200], [])

    assert [row["listener_id"] for row in loading.plays()] == ["a", "0_-" + "x" * 60]
    (kept, reason) = loading.quarantined()
    assert loading.cloud.storage.read(loading.quarantine, kept) == content
    reason_file = json.loads(loading.cloud.storage.read(loading.quarantine, reason))
    described = "listener_id is out of bounds in 8 rows; its description: Whose play it is: the slug"
    assert reason_file["message"].startswith(described)
    sentence = f"Of 2 plays in the file 2 were new. 8 other rows were refused, see {reason} in the quarantine bucket."
    assert loading.ledger() == [ledger_row("succeeded", sentence, 2, 2, 2, error_class="RowsRefused")]


def test_a_file_of_no_time_that_can_be_is_refused_whole_and_ends(loading):
    loading.land(csv_of(play(-60 * 24 * 365 * 30), play(-60 * 24 * 365 * 40)))

    assert (loading.deliver(), loading.deliver()) == ([200], [])

    assert loading.plays() == []
    (_, reason) = loading.quarantined()
    sentence = f"load refused the file, see {reason} in the quarantine bucket."
    assert loading.ledger() == [ledger_row("failed", sentence, error_class="FileRefused")]
    unit = "UTC instant, milliseconds, from 2006 to a day ahead of the clock."
    message = json.loads(loading.cloud.storage.read(loading.quarantine, reason))["message"]
    assert message == f"played_at is out of bounds in 2 rows; its unit: {unit}"


@pytest.mark.parametrize("good", [[play(1)], []], ids=["beside a good row", "without a good row"])
def test_both_reasons_are_kept_where_bigquery_refuses_a_row_and_load_another(loading, monkeypatch, good):
    loading.land(csv_of(*good, play(2, duration_ms="long"), play(-60 * 24 * 365 * 30)))
    with monkeypatch.context() as patch:  # the good rows are staged, and their number is not known yet
        patch.setattr("staging._describe", broken(TimeoutError("slow")))
        assert loading.deliver() == [500]

    assert loading.deliver() == [200]

    assert stored_minutes(loading) == [1 for _ in good]
    reason_file = json.loads(loading.cloud.storage.read(loading.quarantine, loading.quarantined()[1]))
    assert [error["reason"] for error in reason_file["errors"]][-2:] == ["invalid", "outOfBounds"]
    assert reason_file["message"].endswith(f" | {reason_file['errors'][-1]['message']}")
    (row,) = loading.ledger()
    assert ("2 other rows were refused" if good else "BigQuery refused the file") in row["reason"]


OUTSIDE = {
    "duration_ms": [0, -1, 2**31, 2**63 - 1],
    "ms_played": [-(2**63)],
    "popularity": [-1, 101],
    "album_release_date": ["1.5", "9e9", "inf", "", "1969-13-45", "1984\n"],
    "danceability": [float("nan"), -0.001],
    "energy": [float("inf"), 1e308, 250],
    "valence": [float("-inf"), 1.001],
    "key": [-2, 12],
    "loudness": [-101, 1e9],
    "mode": [2],
    "tempo": [20_000_000, 1e12, -1e-9],
    "time_signature": [17],
    "reason_start": ["", "Trackdone", "click row"],
    "reason_end": ["a" * 41, "-", "trackdone\n"],
}
INSIDE = {
    "duration_ms": 2**31 - 1,
    "ms_played": 0,
    "popularity": 100,
    "album_release_date": "1984-05",
    "danceability": 0.0,
    "energy": 1.0,
    "valence": 1e-7,
    "key": -1,
    "loudness": 3.5,
    "mode": 0,
    "tempo": 250.5,
    "time_signature": 0,
    "reason_start": "a" * 40,
    "reason_end": "unexpected-exit",
}


def test_a_value_outside_its_column_is_null_its_neighbours_are_stored_and_the_ledger_says_which(loading):
    good = play(0, **INSIDE)
    minutes = itertools.count(1)
    spoilt = [(play(next(minutes), **INSIDE), column, value) for column in OUTSIDE for value in OUTSIDE[column]]
    rows = [row | {column: value} for row, column, value in spoilt]
    loading.land(csv_of(good, *rows))

    assert loading.deliver() == [200]

    assert loading.plays() == [good, *(row | {column: None} for row, column, _ in spoilt)]
    counts = ", ".join(f"{column} ({len(OUTSIDE[column])})" for column in sorted(OUTSIDE))
    count = len(rows) + 1
    sentence = f"Of {count} plays in the file {count} were new. Values out of bounds became NULL: "
    assert loading.ledger() == [ledger_row("succeeded", f"{sentence}{counts}.", count, count, 1)]
    assert loading.quarantined() == []


NAMES = {
    "formula": "=1+1",
    "command": "@cmd|' /C calc'!A0",
    "new lines": "one\ntwo\r\nthree\rfour",
    "emoji": "👩‍👩‍👧 \U0001f3b6",
    "right to left": "\u202eevil\u202c العربية עברית",
    "quotes and commas": '"",",""',
    "NUL": "a\0b",
    "escape sequence": "\x1b[31mred\x1b]0;title\x07",
    "blanks": "  leading and trailing  ",
    "empty": "",
    "words that mean nothing elsewhere": "NULL",
    "sql": "'; DROP TABLE plays; --",
    "long": "la" * 50_000,
    "replacement": "\ufffd\ufeff\u2028",
}


def test_a_name_is_stored_as_it_came_whatever_it_is(loading):
    plays = [play(n, track_name=name, artist_names=name) for n, name in enumerate(NAMES.values())]
    loading.land(csv_of(*plays))

    assert loading.deliver() == [200]

    assert loading.plays() == plays
    assert loading.quarantined() == []


# What other programs make of the same file, and the plays in it.
UNUSUAL = {
    "a byte order mark": (b"\xef\xbb\xbf" + THREE, [1, 2, 3]),
    "carriage returns": (THREE.replace(b"\n", b"\r\n"), [1, 2, 3]),
    "no line end after the last row": (THREE.removesuffix(b"\n"), [1, 2, 3]),
    "nothing at all": (b"", []),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_a_file_that_another_program_wrote_is_read_all_the_same(loading, kind):
    content, minutes = UNUSUAL[kind]
    loading.land(content)

    assert loading.deliver() == [200]

    assert stored_minutes(loading) == minutes
    assert loading.quarantined() == []
    assert [row["error_class"] for row in loading.ledger()] == [None]


def test_bytes_that_are_no_utf8_cost_a_letter_and_not_the_play(loading):
    # Documented: BigQuery puts the replacement character in their place.
    loading.land(csv_of(play(1, track_name="Bjork")).replace(b"Bjork", b"Bj\xf6rk"))

    assert loading.deliver() == [200]

    assert loading.plays() == [play(1, track_name="Bj\ufffdrk")]


PARTLY_BAD_FILE, _ = PARTLY_BAD["a malformed instant"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(0, 12, 2))
def test_a_partly_bad_file_comes_to_the_same_wherever_load_is_stopped(loading, call, when):
    loading.withhold()
    loading.land(PARTLY_BAD_FILE)
    loading.cloud.deliver_pending()
    loading.cloud.faults.order(Fault("", "stop", when, skip=call))
    loading.post_event()
    loading.cloud.faults.clear()
    loading.restart()

    assert (loading.post_event(), loading.post_event()) == (200, 200)

    assert stored_minutes(loading) == [1, 3]
    (row,) = loading.ledger()
    assert (row["state"], row["rows_in"], row["rows_new"], row["error_class"]) == ("succeeded", 2, 2, "RowsRefused")
    assert len(loading.quarantined()) == 2


def test_a_repaired_file_adds_the_play_that_was_bad_and_a_row_without_an_error(loading):
    loading.land(PARTLY_BAD_FILE)
    loading.deliver()
    old_event = loading.events[-1]
    loading.land(THREE)

    assert loading.deliver() == [200]

    assert stored_minutes(loading) == [1, 2, 3]
    refused, repaired = loading.ledger()
    assert (refused["rows_new"], refused["error_class"]) == (2, "RowsRefused")
    assert repaired == ledger_row("succeeded", "Of 3 plays in the file 1 was new.", 3, 1, 1)
    assert loading.post_event(old_event) == 200
    assert loading.ledger() == [refused, repaired]


@st.composite
def damaged_files(draw):
    """A good file with some of its bytes replaced, left out or put in."""
    content = bytearray(THREE)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 40))
        content[place : place + length] = draw(
            st.binary(max_size=6) | st.sampled_from([b'"', b"\n", b",", b'"\n"', b"\0"])
        )
    return bytes(content)


@pytest.fixture(scope="module")
def one_loading(tmp_path_factory):
    with loading_cloud(tmp_path_factory.mktemp("damaged")) as loading:
        yield loading


@pytest.mark.timeout(400)
@settings(max_examples=40)
@given(damaged_files())
def test_no_damage_makes_load_fail_or_loop_and_every_file_has_its_outcome(one_loading, content):
    loading = one_loading
    slot = SLOT + timedelta(hours=len(loading.events))
    name = f"plays/{slot:%Y/%m/%d/%Y%m%dT%H%M%SZ}.csv"
    loading.land(content, name)

    assert (loading.deliver(), loading.deliver()) == ([200], [])

    (row,) = loading.rows(f"runs WHERE run_id = '{slot:%Y%m%dT%H%M%SZ}'", "step")
    is_kept = [kept for kept in loading.quarantined() if kept.startswith(name)] != []
    assert is_kept == (row["error_class"] is not None)
    assert (row["state"], row["error_class"]) in [
        ("succeeded", None),
        ("succeeded", "RowsRefused"),
        ("failed", "FileRefused"),
    ]
    assert row["state"] == "failed" or row["rows_in"] >= row["rows_new"]


def test_load_itself_never_reads_a_file_so_its_size_is_no_matter(loading):
    """200 MB or 2: BigQuery reads the bytes and Cloud Storage copies them."""
    loading.land(PARTLY_BAD_FILE)
    loading.cloud.faults.calls.clear()
    loading.deliver()

    requested = [call for call in loading.cloud.faults.calls if call.startswith("gcp ")]
    assert [call for call in requested if call.startswith("gcp GET") and "alt=media" in call] == []
    assert [call for call in requested if "/download/" in call] == []
    assert len([call for call in requested if "copyTo" in call]) == 1
